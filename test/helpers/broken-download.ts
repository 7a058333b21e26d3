import { expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Acquired, DownloadOptions } from "../../src/artifact/download/download.ts";
import type { RetryRule } from "../../src/artifact/download/retry.ts";
import type { ArtifactPlan } from "../../src/artifact/plan.ts";
import { type ArtifactBench, artifactBench, type Wanted } from "./artifact.ts";
import { type PlainReply, rangeReply, type SeenRequest } from "./origin.ts";
import { refusal } from "./refusal.ts";

/** Long enough to break in the middle. */
export const IMAGE = randomBytes(3 << 20);
/** As long as `IMAGE`, and another file. */
export const OTHER = randomBytes(3 << 20);
export const ETAG = '"one"';
export const FILE = { body: IMAGE, etag: ETAG };
/** A date that is long past for a server whose clock says `NOW`. */
export const CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT";
export const NOW = "Sun, 06 Nov 1994 09:00:00 GMT";

export const OFTEN: RetryRule = { tries: 4, firstMillis: 5, longestMillis: 10 };

/** A bench on which one file, `a.img` of the origin, is downloaded again and again. */
export interface BrokenDownloads {
  readonly here: ArtifactBench;
  readonly plan: (wanted?: Wanted) => ArtifactPlan;
  readonly get: (wanted?: Wanted, options?: Partial<DownloadOptions>) => Promise<Acquired>;
  /** How the origin answers from now on. */
  readonly each: (answer: (request: SeenRequest, number: number) => PlainReply) => void;
  /** A first try that breaks after a MiB and leaves what came, less what the runtime still held. @returns how much that is. */
  readonly breakOff: (wanted?: Wanted, file?: Parameters<typeof rangeReply>[1]) => Promise<number>;
  /** What is at the destination. */
  readonly left: () => string[];
  readonly journals: () => string[];
  readonly result: () => Buffer;
  readonly partPath: () => string;
  readonly journalPath: () => string;
  readonly expectNothingElse: () => void;
}

/** Makes the bench before each test of the file that calls this, and removes it afterwards. */
export function brokenDownloads(): BrokenDownloads {
  const here = artifactBench();
  const source = (): string => here.origin.url("/a.img");
  const left = (): string[] => readdirSync(here.dirs.local).sort();
  const journals = (): string[] => readdirSync(here.dirs.alloc).filter((name) => name.endsWith(".download"));
  const partPath = (): string => join(here.dirs.local, "a.img.part");
  const get: BrokenDownloads["get"] = (wanted, options) => here.get(source(), wanted, options);
  const each: BrokenDownloads["each"] = (answer) => here.origin.set("/a.img", { kind: "each", answer });
  return {
    here,
    plan: (wanted) => here.plan(source(), wanted),
    get,
    each,
    breakOff: async (wanted = {}, file = FILE) => {
      each((request) => rangeReply(request, file, { send: 1 << 20 }));
      await refusal(get(wanted));
      expect(left()).toEqual(["a.img.part"]);
      expect(journals()).toHaveLength(1);
      const { length } = readFileSync(partPath());
      expect(length).toBeWithin(1, (1 << 20) + 1);
      return length;
    },
    left,
    journals,
    result: () => readFileSync(join(here.dirs.local, "a.img")),
    partPath,
    journalPath: () => join(here.dirs.alloc, journals()[0] ?? "none"),
    expectNothingElse: () => {
      expect(left()).toEqual(["a.img"]);
      expect(journals()).toEqual([]);
    },
  };
}
