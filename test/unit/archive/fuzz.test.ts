import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { GNU_MAGIC, octal, pax, tarOf, zipOf } from "../../helpers/archives.ts";
import { FUZZ_SEED, fuzz, fuzzRuns, isOneRun, type Random } from "../../helpers/fuzz.ts";
import { peakGrowth } from "../../helpers/memory.ts";
import { PACKED, PLAIN } from "../../helpers/packed.ts";
import { refusal } from "../../helpers/refusal.ts";
import { tempDir } from "../../helpers/temp.ts";
import { unpackBytes } from "../../helpers/unpacking.ts";

/** Enough for every field of the small archives below to be hit many times; a few seconds. */
const RUNS = fuzzRuns(1000);

const SPARSE = { 386: `${octal(4096, 11)}\0${octal(512, 11)}\0`, 483: octal(1 << 20, 11) };

const TAR = tarOf(
  { name: "d/", type: "5" },
  pax([
    ["path", "d/long"],
    ["size", "5"],
  ]),
  { name: "x", body: "12345" },
  { name: "l", type: "2", link: "d/long" },
  { name: "h", type: "1", link: "d/long" },
  { name: "s", type: "S", body: Buffer.alloc(512, 1), magic: GNU_MAGIC, raw: SPARSE },
);

const ZIP = zipOf(
  { name: "d/", method: 0, mode: 0o40755 },
  { name: "d/f", body: "12345".repeat(50), long: true },
  { name: "l", body: "d/f", mode: 0o120777 },
);

/** One to four changes: a bit, a byte, a stretch taken from elsewhere, a cut. */
function mutate(bytes: Buffer, random: Random): Buffer {
  let out = Buffer.from(bytes);
  for (let changes = 1 + random(4); changes > 0 && out.length > 8; changes--) {
    const at = random(out.length);
    const kind = random(8);
    if (kind < 3) out[at] = (out[at] ?? 0) ^ (1 << random(8));
    else if (kind < 5) out[at] = [0, 0xff, 0x2f, 0x2e, 0x37][random(5)] ?? 0;
    else if (kind < 7) out.copy(out, at, random(out.length), Math.min(out.length, random(out.length) + 16));
    else out = out.subarray(0, at);
  }
  return out;
}

/** Makes the checksums of tar headers right again, so that changes get past them. */
function repairSums(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString("latin1", at + 257, at + 262) !== "ustar") continue;
    bytes.write("        ", at + 148);
    const sum = bytes.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${octal(sum, 6)}\0 `, at + 148, "latin1");
  }
  return bytes;
}

test.each([
  ["tar", TAR, repairSums],
  ["zip", ZIP, (bytes: Buffer) => bytes],
])(
  `${RUNS} damaged %s archives are unpacked inside or refused, nothing is written elsewhere, and memory stays bounded (seed ${FUZZ_SEED})`,
  async (word, good, repair) => {
    let refusals = 0;
    const grown = await peakGrowth(() =>
      fuzz(word, RUNS, async (random) => {
        await using dir = tempDir();
        const archive = repair(mutate(good, random));
        const limits = { entries: 50, bytes: 1 << 22, length: 1 << 30 };
        const done = await unpackBytes(dir, archive, word, limits).catch(async (error: unknown) => {
          // Anything but an AppError is thrown, and the test fails with it.
          const { message } = await refusal(Promise.reject(error));
          expect(message).not.toMatch(/[\u0000-\u001f]/);
          return undefined;
        });
        if (done === undefined) refusals++;
        expect(readdirSync(dir.path).sort()).toEqual(["archive", "out"]);
      }),
    );
    expect(grown).toBeLessThan(128 << 20);
    expect(existsSync("/x")).toBe(false);
    if (isOneRun) return;
    expect(refusals).toBeGreaterThan(RUNS / 3);
    expect(refusals).toBeLessThan(RUNS);
  },
  120_000,
);

const STREAM_RUNS = fuzzRuns(100);

test.each(["gz", "zst", "xz", "bz2"] as const)(
  `${STREAM_RUNS} damaged %s files are refused, or give what the good one gives (seed ${FUZZ_SEED})`,
  async (word) => {
    await fuzz(word, STREAM_RUNS, async (random) => {
      await using dir = tempDir();
      try {
        await unpackBytes(dir, mutate(PACKED[word], random), word, { bytes: 1 << 22 });
      } catch (error) {
        await refusal(Promise.reject(error));
        return;
      }
      expect(readFileSync(dir.file("out", "content")).equals(PLAIN)).toBe(true);
    });
  },
  120_000,
);
