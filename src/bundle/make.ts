import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { AppError } from "../base/errors.ts";
import { formatKey } from "../cache/key.ts";
import type { Gathering } from "./gather.ts";
import type { SigningKey } from "./keys.ts";
import { digestOf, encodeManifest, type Manifest } from "./manifest.ts";
import type { BundleSource } from "./write.ts";

/** A job file for a bundle. */
export interface JobText {
  /** The name that it has in the bundle. */
  readonly file: string;
  readonly id: string;
  readonly text: Uint8Array;
}

/** A program for a bundle. */
export interface BinaryFile {
  readonly file: string;
  readonly path: string;
}

export interface Contents {
  readonly jobs: readonly JobText[];
  readonly binaries: readonly BinaryFile[];
  readonly gathering: Pick<Gathering, "artifacts" | "requests">;
}

export interface MakeOptions {
  readonly key: SigningKey | null;
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What whoever loads it has already. */
  readonly base: Manifest | null;
}

/**
 * Decides what a bundle is made of. Job files are always in it: they are small, and it is they that are run.
 * @throws AppError `invalid` for a sequence number that does not grow.
 */
export function planBundle({ jobs, binaries, gathering }: Contents, options: MakeOptions): BundleSource {
  const { key, sequence, now, base } = options;
  if (base !== null && sequence <= base.sequence) {
    throw new AppError(
      "invalid",
      `sequence ${sequence}: expected more than ${base.sequence}, which the bundle has that it adds to`,
    );
  }
  const known = new Set(base?.artifacts.map((artifact) => formatKey(artifact.key)));
  const knownBinaries = new Set(base?.binaries.map(({ sha256 }) => sha256));
  const contents = new Map<string, Uint8Array | string>();
  const manifest: Manifest = {
    sequence,
    created: new Date(Math.floor(now / 1000) * 1000).toISOString(),
    key: key?.id ?? null,
    base: base === null ? null : { digest: digestOf(encodeManifest(base)), sequence: base.sequence },
    jobs: jobs.map(({ file, id, text }) => {
      const sha256 = digestOf(text);
      contents.set(sha256, text);
      return { file, id, bytes: text.length, sha256 };
    }),
    binaries: binaries.map(({ file, path }) => {
      const { bytes, sha256 } = examineFile(path);
      contents.set(sha256, path);
      return { file, bytes, sha256, packed: !knownBinaries.has(sha256) };
    }),
    artifacts: gathering.artifacts.map(({ path, ...artifact }) => {
      contents.set(artifact.sha256, path);
      return { ...artifact, packed: !known.has(formatKey(artifact.key)) };
    }),
    requests: gathering.requests,
  };
  return { manifest, contents, sign: key === null ? null : (text) => key.sign(text) };
}

/** @throws AppError `invalid` when two files would have one name in the bundle. */
export function refuseTwice(files: readonly { readonly file: string }[]): void {
  const names = files.map(({ file }) => file);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new AppError("invalid", `two files of the bundle would be called ${twice}`, { hint: "rename one of them" });
}

function examineFile(path: string): { readonly bytes: number; readonly sha256: string } {
  const fd = openSync(path, "r");
  try {
    const hash = createHash("sha256");
    const buffer = Buffer.alloc(1 << 20);
    for (let bytes = 0; ; ) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return { bytes, sha256: hash.digest("hex") };
      hash.update(buffer.subarray(0, count));
      bytes += count;
    }
  } finally {
    closeSync(fd);
  }
}
