import { dirname, relative } from "node:path/posix";
import { AppError } from "../../base/errors.ts";
import { type Checksum, type ChecksumType, parseChecksum } from "../../cache/checksum.ts";
import { readArtifactSource } from "../../job/artifact-source.ts";
import { decodePart } from "./magic.ts";
import { type Asking, planBeside, type SourcePlan } from "./plan.ts";
import type { SourceRules } from "./rules.ts";

/** A file that says what an artifact's checksum is, as `sha256sum`, `shasum` and BSD's `sha256` write it. Plain data. */
export interface ChecksumFile {
  readonly from: SourcePlan;
  /** What the artifact may be called there. */
  readonly names: readonly string[];
}

/**
 * Plans `checksum = "file:…"`.
 * @param text what stands behind `file:`.
 * @param artifact its own address, and how it is asked for.
 * @throws AppError `invalid`, `unsupported`.
 */
export function planChecksumFile(
  text: string,
  artifact: { readonly url: string; readonly asking: Asking },
  rules: SourceRules,
): ChecksumFile {
  const { kind, address, subdir } = readArtifactSource(text);
  if (kind === "git" || subdir !== null) {
    throw new AppError("invalid", "checksum must name one file behind file:", {
      hint: 'write "file:https://…/SHA256SUMS"',
    });
  }
  const from = planBeside(text, { kind, address }, artifact, rules);
  return { from, names: namesOf(pathOf(artifact.url), pathOf(from.url)) };
}

/** go-getter's names of a file (NOMAD.md 3.3). @param path absolute, of the artifact. @param list of the file of checksums. */
function namesOf(path: string, list: string): string[] {
  const base = path.slice(path.lastIndexOf("/") + 1);
  const beside = relative(dirname(list), path);
  return [base, beside, `./${beside}`, path];
}

function pathOf(url: string): string {
  return decodePart(new URL(url).pathname, "path");
}

/** A hash and the longest path that Linux knows; what is longer is no line of such a file. */
const LONGEST_LINE = 4096 + 256;

/** From the one that proves most. */
const STRENGTH: readonly ChecksumType[] = ["sha512", "sha256", "sha1", "md5"];

const BSD_TYPES: Readonly<Record<string, ChecksumType>> = {
  MD5: "md5",
  SHA1: "sha1",
  SHA256: "sha256",
  SHA512: "sha512",
  "SHA2-256": "sha256",
  "SHA2-512": "sha512",
};

/**
 * Finds an artifact's checksum in the text of such a file; of several the one that proves most. A hash that stands alone counts where
 * no line has a name of the artifact's. Lines that are something else are skipped, as go-getter does.
 */
export function findChecksum(text: string, names: readonly string[]): Checksum | undefined {
  const lines = text.split("\n").filter((line) => line.length <= LONGEST_LINE);
  const found = lines.map((line) => readLine(line.trimEnd())).filter((line) => line !== undefined);
  const named = found.filter(({ name }) => name !== null && names.includes(name));
  const chosen = named.length > 0 ? named : found.filter(({ name }) => name === null);
  return chosen.toSorted((a, b) => STRENGTH.indexOf(a.checksum.type) - STRENGTH.indexOf(b.checksum.type))[0]?.checksum;
}

interface Line {
  readonly checksum: Checksum;
  /** Null when the hash stands alone. */
  readonly name: string | null;
}

function readLine(line: string): Line | undefined {
  const bsd = /^([A-Z0-9-]+) ?\((.+)\) ?= ?([0-9A-Fa-f]+)$/.exec(line);
  if (bsd !== null) {
    const type = BSD_TYPES[bsd[1] ?? ""];
    const checksum = type === undefined ? undefined : readHash(`${type}:${bsd[3]}`);
    return checksum === undefined ? undefined : { checksum, name: bsd[2] ?? null };
  }
  // Two spaces for text, a space and a sign for binary and for shasum's portable mode.
  const gnu = /^\\?([0-9A-Fa-f]{32,128})(?:[ \t]+[*?^]?(.+))?$/.exec(line);
  const checksum = gnu === null ? undefined : readHash(gnu[1] ?? "");
  return checksum === undefined ? undefined : { checksum, name: gnu?.[2] ?? null };
}

function readHash(text: string): Checksum | undefined {
  try {
    return parseChecksum(text);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
