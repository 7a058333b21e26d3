import { basename } from "node:path";
import { AppError } from "../base/errors.ts";
import { type Checksum, parseChecksum } from "../cache/checksum.ts";
import type { Artifact } from "../job/job.ts";
import type { TaskDirs } from "../paths.ts";
import { planHeaders } from "./headers.ts";
import { redactSource } from "./redact.ts";
import { resolveTarget, type Target } from "./target.ts";
import { planUnpacking, type UnpackPlan } from "./unpack-plan.ts";

/** All that a download needs to know, decided before a byte moves. Plain data: it travels to a Worker. */
export interface ArtifactPlan {
  /** The source for messages and logs, without its secrets. */
  readonly source: string;
  /** What is requested: no user info, no parameters of go-getter's own. May hold secrets in its query; never printed. */
  readonly url: string;
  /** Names in lower case; may hold secrets; never printed. */
  readonly headers: Readonly<Record<string, string>>;
  /** True leaves the server's certificate unchecked. */
  readonly insecure: boolean;
  readonly checksum: Checksum | null;
  /** Where the download goes: the file itself, or the archive until it is unpacked. */
  readonly target: Target;
  /** Null when the file stays as it is. */
  readonly unpack: UnpackPlan | null;
}

/** Parameters that mean something to go-getter and are not sent to the server; `filename` only where it names the file. */
const MAGIC = ["archive", "checksum", "filename"] as const;
type Magic = (typeof MAGIC)[number];

/**
 * Decides where an artifact comes from, what proves it and where it goes. Looks at nothing but its arguments.
 * @param artifact already interpolated.
 * @throws AppError `invalid` for what is wrong, `unsupported` for what go-getter knows and this program does not.
 */
export function planArtifact(artifact: Artifact, dirs: TaskDirs): ArtifactPlan {
  const source = redactSource(artifact.source);
  try {
    const url = parseSource(artifact.source);
    const magic = takeMagic(url, artifact);
    const fileName = decodedBaseName(url);
    const headers = planHeaders(artifact.headers, url);
    url.username = "";
    url.password = "";
    url.hash = "";
    const unpacking = planUnpacking(artifact, dirs, { ...magic, fileName, url: url.href });
    if (unpacking === null && artifact.mode === "dir") throw unsupportedDirectory();
    return {
      source,
      url: url.href,
      headers,
      insecure: artifact.insecure,
      checksum: magic.checksum === undefined ? null : parseChecksum(magic.checksum),
      target: unpacking?.target ?? resolveTarget(artifact, dirs, magic.filename ?? fileName),
      unpack: unpacking?.unpack ?? null,
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `artifact ${source}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

const WORKS = "http:// and https:// URLs work; serve the file over one of them, or put the image under image_paths";

function parseSource(text: string): URL {
  if (text === "") throw new AppError("invalid", "source must be set");
  if (/[\u0000-\u0020\u007f]/.test(text)) {
    throw new AppError("invalid", "source holds a space or control character", { hint: "write a space as %20" });
  }
  const forced = /^([A-Za-z0-9]+)::/.exec(text)?.[1];
  if (forced !== undefined)
    throw new AppError("unsupported", `the ${forced}:: getter is not supported`, { hint: WORKS });
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    throw new AppError("unsupported", "expected a URL, found a source without a scheme", { hint: WORKS });
  }
  if (scheme !== "http" && scheme !== "https") {
    throw new AppError("unsupported", `scheme ${scheme} is not supported`, { hint: WORKS });
  }
  const url = URL.parse(text);
  if (url === null) throw new AppError("invalid", "source is not a valid URL");
  if (url.pathname.includes("//")) {
    throw new AppError("unsupported", "a subdirectory of an artifact (// in its path) is not supported yet", {
      hint: "name the file itself, with single slashes",
    });
  }
  return url;
}

/** Takes go-getter's parameters out of the URL, adds the other options to its query, and keeps every other byte of the query. */
function takeMagic(url: URL, { options, mode }: Artifact): Partial<Record<Magic, string>> {
  const found = new Map<Magic, string>();
  const magicOf = (name: string): Magic | undefined =>
    MAGIC.find((known) => known === name && !(known === "filename" && mode === "file"));
  const take = (name: Magic, value: string): void => {
    if (value === "") return;
    const before = found.get(name);
    if (before !== undefined && before !== value) {
      throw new AppError(
        "invalid",
        `${name} is given twice, as ${JSON.stringify(before)} and ${JSON.stringify(value)}`,
      );
    }
    found.set(name, value);
  };
  const kept = url.search
    .slice(1)
    .split("&")
    .filter((pair) => {
      const [name = "", ...value] = pair.split("=");
      const magic = magicOf(name);
      if (magic !== undefined) take(magic, decode(value.join("=").replaceAll("+", " "), magic));
      return pair !== "" && magic === undefined;
    });
  for (const [name, value] of Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const magic = magicOf(name);
    if (magic !== undefined) take(magic, value);
    else kept.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }
  url.search = kept.join("&");
  return Object.fromEntries(found);
}

function decodedBaseName(url: URL): string {
  if (url.pathname.endsWith("/")) {
    throw new AppError("unsupported", `expected the path of a file, found ${JSON.stringify(url.pathname)}`, {
      hint: "a directory cannot be fetched over HTTP; name one file",
    });
  }
  return basename(decode(url.pathname, "path"));
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new AppError("invalid", `${what} has a percent sign that is no valid escape`, { cause: error });
  }
}

function unsupportedDirectory(): AppError {
  return new AppError("unsupported", 'mode = "dir" needs an archive, and the source names a plain file', {
    hint: 'leave mode out to put the file into the destination directory, or mode = "file" to name the file itself',
  });
}
