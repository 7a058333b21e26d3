import { basename } from "node:path";
import { AppError } from "../base/errors.ts";
import { type Checksum, parseChecksum } from "../cache/checksum.ts";
import { readArtifactSource } from "../job/artifact-source.ts";
import type { Artifact } from "../job/job.ts";
import type { TaskDirs } from "../paths.ts";
import { type ChecksumFile, planChecksumFile } from "./checksum-file.ts";
import { decodePart, takeMagic } from "./magic.ts";
import { redactSource } from "./redact.ts";
import { PLAIN_RULES, type SourceRules } from "./rules.ts";
import { parseAddress, planSource, type SourcePlan } from "./source-plan.ts";
import { planSubdir } from "./subdir.ts";
import { resolveTarget, type Target } from "./target.ts";
import { planUnpacking, type UnpackPlan } from "./unpack-plan.ts";

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
    const { kind, address, subdir: behind } = readArtifactSource(artifact.source);
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
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `artifact ${source}: ${error.message}`, { hint: error.hint, cause: error });
  }
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
