import { basename } from "node:path";
import { AppError } from "../base/errors.ts";
import { type Checksum, parseChecksum } from "../cache/checksum.ts";
import { type ArtifactSource, readArtifactSource } from "../job/artifact-source.ts";
import type { Artifact } from "../job/job.ts";
import type { TaskDirs } from "../paths.ts";
import { redactSource } from "./redact.ts";
import { type ChecksumFile, planChecksumFile } from "./source/checksum-file.ts";
import { decodePart, takeMagic } from "./source/magic.ts";
import { parseAddress, planSource, type SourcePlan } from "./source/plan.ts";
import { PLAIN_RULES, type SourceRules } from "./source/rules.ts";
import { resolveTarget, type Target } from "./target.ts";
import { planUnpacking, type UnpackPlan } from "./unpack/plan.ts";
import { planSubdir } from "./unpack/subdir.ts";

/** All that a download needs to know, decided before a byte moves. Plain data: it travels to a Worker. */
export interface ArtifactPlan extends SourcePlan {
  readonly checksum: Checksum | null;
  /** What has to be asked for the checksum before anything is fetched; null when the job has it, or wants none. */
  readonly checksumFile: ChecksumFile | null;
  /** Where the download goes: the file itself, or the archive until it is unpacked. */
  readonly target: Target;
  /** Null when the file stays as it is. */
  readonly unpack: UnpackPlan | null;
}

/**
 * Decides where an artifact comes from, what proves it and where it goes. Looks at nothing but its arguments.
 * @param artifact already interpolated.
 * @throws AppError `invalid` for what is wrong, `unsupported` for what go-getter knows and this program does not.
 */
export function planArtifact(artifact: Artifact, dirs: TaskDirs, rules: SourceRules = PLAIN_RULES): ArtifactPlan {
  const source = redactSource(artifact.source);
  try {
    const found = readArtifactSource(artifact.source);
    return found.kind === "git"
      ? planRepository(source, found, artifact, dirs, rules)
      : planFile(source, found, artifact, dirs, rules);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `artifact ${source}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

function planFile(
  source: string,
  { kind, address, subdir: behind }: ArtifactSource,
  artifact: Artifact,
  dirs: TaskDirs,
  rules: SourceRules,
): ArtifactPlan {
  const subdir = planSubdir(behind);
  const url = parseAddress(address);
  const { magic, others } = takeMagic(url, artifact.options, artifact.mode === "file");
  const fileName = decodedBaseName(url);
  const asking = { options: others, headers: artifact.headers, insecure: artifact.insecure };
  const from = planSource(source, kind, url, asking, rules);
  const unpacking = planUnpacking(artifact, dirs, { ...magic, fileName, url: from.url, subdir });
  if (unpacking === null && artifact.mode === "dir") throw unsupportedDirectory();
  return {
    ...from,
    ...planProof(magic.checksum, { url: from.url, asking }, rules),
    target: unpacking?.target ?? resolveTarget(artifact, dirs, magic.filename ?? fileName),
    unpack: unpacking?.unpack ?? null,
  };
}

/** A repository's files come as a tar that the agent makes of one commit. */
function planRepository(
  source: string,
  { address, subdir: behind }: ArtifactSource,
  artifact: Artifact,
  dirs: TaskDirs,
  rules: SourceRules,
): ArtifactPlan {
  const url = parseAddress(address);
  const { magic, others } = takeMagic(url, artifact.options, false);
  if (magic.checksum !== undefined) {
    throw new AppError("invalid", "a repository has no checksum", {
      hint: "name the commit instead: ref and its 40 hex digits in options; git proves it",
    });
  }
  const [odd] = Object.keys(magic);
  if (odd !== undefined)
    throw new AppError("invalid", `${odd} means nothing to a source of git::`, { hint: "leave it out" });
  const subdir = planSubdir(behind ?? (artifact.mode === "file" ? takeFileName(url) : null));
  const asking = { options: others, headers: artifact.headers, insecure: artifact.insecure };
  const from = planSource(source, "git", url, asking, rules);
  const ref = from.via.kind === "git" ? (from.via.ref ?? "") : "";
  const named = { archive: "tar", fileName: "repository", url: `${from.url}#${ref}`, subdir };
  const unpacking = planUnpacking(artifact, dirs, named);
  if (unpacking === null) throw new AppError("internal", "a repository is no archive");
  return { ...from, checksum: null, checksumFile: null, ...unpacking };
}

/** go-getter's way to name one file of a repository: the last part of its address. */
function takeFileName(url: URL): string {
  const at = url.pathname.lastIndexOf("/");
  const name = url.pathname.slice(at + 1);
  url.pathname = url.pathname.slice(0, at);
  return name;
}

function planProof(
  text: string | undefined,
  artifact: Parameters<typeof planChecksumFile>[1],
  rules: SourceRules,
): Pick<ArtifactPlan, "checksum" | "checksumFile"> {
  const file = /^\s*file:(.*)$/is.exec(text ?? "")?.[1]?.trim();
  if (file !== undefined) return { checksum: null, checksumFile: planChecksumFile(file, artifact, rules) };
  return { checksum: text === undefined ? null : parseChecksum(text), checksumFile: null };
}

function decodedBaseName(url: URL): string {
  if (url.pathname === "" || url.pathname.endsWith("/")) {
    throw new AppError("unsupported", `expected the path of a file, found ${JSON.stringify(url.pathname)}`, {
      hint: "a directory cannot be fetched; name one file",
    });
  }
  return basename(decodePart(url.pathname, "path"));
}

function unsupportedDirectory(): AppError {
  return new AppError("unsupported", 'mode = "dir" needs an archive, and the source names a plain file', {
    hint: 'leave mode out to put the file into the destination directory, or mode = "file" to name the file itself',
  });
}
