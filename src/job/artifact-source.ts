import { AppError } from "../base/errors.ts";
import { orList } from "../base/text.ts";

/** How an artifact's source is asked. */
export type SourceKind = "http" | "s3" | "git" | "file";

/** An artifact's source, taken apart as go-getter does (NOMAD.md 3.3). */
export interface ArtifactSource {
  readonly kind: SourceKind;
  /** With a scheme and the query, without the getter's name and the subdirectory; it is not said that it is a valid URL. */
  readonly address: string;
  /** What stands behind `//` in the path; null when nothing does. */
  readonly subdir: string | null;
}

const WORKS = "http://, https://, s3::, git:: and file:: sources work";

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;

/** What git takes; its other transports run programs or are not encrypted and not authenticated. */
const GIT_SCHEMES = ["https", "http", "ssh", "file"];

/** Hosts whose repositories are known by their first two names, without a scheme. */
const FORGES = ["github.com", "gitlab.com", "bitbucket.org"];

/**
 * Reads an artifact's source: the getter that it names, or the one that go-getter finds where there is no scheme.
 * @param text already interpolated.
 * @throws AppError `invalid` for what is wrong, `unsupported` for what go-getter knows and this program does not; without the text.
 */
export function readArtifactSource(text: string): ArtifactSource {
  if (text === "") throw new AppError("invalid", "source must be set");
  if (/[\u0000-\u0020\u007f]/.test(text)) {
    throw new AppError("invalid", "source holds a space or control character", { hint: "write a space as %20" });
  }
  const forced = /^([A-Za-z0-9]+)::(.*)$/s.exec(text);
  const getter = forced?.[1]?.toLowerCase();
  const { address, subdir } = splitSubdir(forced?.[2] ?? text);
  const found = getter === undefined ? detect(address) : readForced(kindOfGetter(getter), address);
  const names = [found.subdir, subdir].filter((part) => part !== null && part !== undefined);
  return { kind: found.kind, address: found.address, subdir: names.length === 0 ? null : names.join("/") };
}

function splitSubdir(text: string): { readonly address: string; readonly subdir: string | null } {
  const query = text.indexOf("?");
  const path = query === -1 ? text : text.slice(0, query);
  const begin = SCHEME.exec(path)?.[0].length ?? 0;
  const at = path.indexOf("//", begin);
  if (at === -1) return { address: text, subdir: null };
  return { address: text.slice(0, at) + text.slice(path.length), subdir: path.slice(at + 2) };
}

function kindOfGetter(getter: string): SourceKind {
  if (getter === "http" || getter === "https") return "http";
  if (getter === "s3" || getter === "git" || getter === "file") return getter;
  const hint = INSTEAD[getter] ?? WORKS;
  throw new AppError("unsupported", `sources of ${getter}:: are not supported`, { hint });
}

const INSTEAD: Readonly<Record<string, string>> = {
  hg: "serve the file over https://, or keep it in a git repository",
  gcs: "a public object is at https://storage.googleapis.com/BUCKET/OBJECT; for a private one make an HMAC key and write s3::https://storage.googleapis.com/BUCKET/OBJECT",
};

/** An address behind a getter's name. */
function readForced(kind: SourceKind, address: string): Detected {
  const scheme = SCHEME.exec(address)?.[1]?.toLowerCase();
  if (scheme !== undefined) {
    const known = SCHEMES[kind];
    if (known.includes(scheme)) return { kind, address };
    throw new AppError("invalid", `a source of ${kind}:: with ${scheme}:// is not known`, {
      hint: `write ${orList(known.map((name) => `${kind}::${name}://…`))}`,
    });
  }
  if (kind === "git" && address.startsWith("/")) return { kind, address: `file://${address}` };
  const found = detectByName(address);
  if (found !== undefined && found.kind === kind) return found;
  throw new AppError("invalid", `a source of ${kind}:: without a scheme is not known`, {
    hint: kind === "file" ? "write an absolute path: file::/directory/name" : `write ${kind}::https://…`,
  });
}

const SCHEMES: Readonly<Record<SourceKind, readonly string[]>> = {
  http: ["http", "https"],
  s3: ["https", "http", "s3"],
  git: GIT_SCHEMES,
  file: ["file"],
};

type Detected = Pick<ArtifactSource, "kind" | "address"> & { readonly subdir?: string };

function detect(address: string): Detected {
  const scheme = SCHEME.exec(address)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const found = detectByName(address);
    if (found !== undefined) return found;
    throw new AppError("unsupported", "a source without a scheme, of no host that is known by its name alone", {
      hint: `write https:// in front of it; ${WORKS}`,
    });
  }
  if (scheme === "http" || scheme === "https") return { kind: "http", address };
  if (scheme === "s3" || scheme === "file") return { kind: scheme, address };
  if (scheme === "gs" || scheme === "gcs") kindOfGetter("gcs");
  const hint = scheme === "ssh" || scheme === "git" ? "write git::ssh://… for a git repository" : WORKS;
  throw new AppError("unsupported", `sources of ${scheme}:// are not supported`, { hint });
}

/** What go-getter makes of a text without a scheme; undefined when that is nothing. */
function detectByName(text: string): Detected | undefined {
  if (text.startsWith("/")) return { kind: "file", address: `file://${text}` };
  const [path = "", query] = cut(text, "?");
  const host = path.split("/", 1)[0]?.toLowerCase() ?? "";
  if (FORGES.includes(host)) return detectForge(path, query);
  const scp = /^([A-Za-z0-9._-]+@)([A-Za-z0-9.-]+):(.+)$/.exec(text);
  if (scp !== null) return { kind: "git", address: `ssh://${scp[1]}${scp[2]}/${(scp[3] ?? "").replace(/^\//, "")}` };
  if (/(^|\.)s3([.-][a-z0-9.-]+)?\.amazonaws\.com(\.cn)?$/.test(host))
    return { kind: "s3", address: `https://${text}` };
  if (host.endsWith("googleapis.com")) kindOfGetter("gcs");
  return undefined;
}

function detectForge(path: string, query: string | undefined): Detected {
  const [host = "", owner = "", name = "", ...more] = path.replace(/\/$/, "").split("/");
  if (owner === "" || name === "") {
    throw new AppError("invalid", `a source of ${host} is ${host}/OWNER/REPOSITORY`, {
      hint: "a directory in it stands behind two slashes: OWNER/REPOSITORY//DIRECTORY",
    });
  }
  const repository = name.endsWith(".git") ? name : `${name}.git`;
  const address = `https://${host}/${owner}/${repository}${query === undefined ? "" : `?${query}`}`;
  return { kind: "git", address, ...(more.length === 0 ? {} : { subdir: more.join("/") }) };
}

function cut(text: string, mark: string): [string, string?] {
  const at = text.indexOf(mark);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
