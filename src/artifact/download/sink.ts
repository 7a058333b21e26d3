import { createHash, type Hash } from "node:crypto";
import type { Checksum, ChecksumType } from "../../cache/checksum.ts";

/** Takes the bytes of a source, each chunk written out before the next one is asked for. */
export interface Sink {
  write(chunk: Uint8Array): void;
}

export interface HashSink extends Sink {
  /** The hash of what came so far; more may come. */
  peek(): Checksum;
  /** To be asked once, after the last chunk. */
  digest(): Checksum;
}

/** A sink that keeps nothing but the hash of what went through. */
export function createHashSink(type: ChecksumType): HashSink {
  const hash: Hash = createHash(type);
  return {
    write: (chunk) => {
      hash.update(chunk);
    },
    peek: () => ({ type, hex: hash.copy().digest("hex") }),
    digest: () => ({ type, hex: hash.digest("hex") }),
  };
}
