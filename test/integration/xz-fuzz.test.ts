import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { FUZZ_SEED, fuzz, fuzzRuns, isOneRun } from "../helpers/fuzz.ts";
import { peakGrowth } from "../helpers/memory.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { unpackBytes } from "../helpers/unpacking.ts";
import { strangeXz, xzSamples } from "../helpers/xz-mutations.ts";

const RUNS = fuzzRuns(800);

const hasXz = Bun.which("xz") !== null;
if (!hasXz) console.log("strange files are not compared with xz itself: this host has no xz");

test.skipIf(!hasXz)(
  `${RUNS} strange xz files give what xz itself gives, or are refused where it refuses them, in bounded memory (seed ${FUZZ_SEED})`,
  async () => {
    const samples = await xzSamples();
    const count = { same: 0, refused: 0 };
    const grown = await peakGrowth(() =>
      fuzz("xz", RUNS, async (random) => {
        await using dir = tempDir();
        const message = await unpackBytes(dir, strangeXz(samples, random), "xz").then(
          () => undefined,
          // Anything but an AppError is thrown, and the test fails with it.
          async (error: unknown) => (await refusal(Promise.reject(error))).message,
        );
        expect(readdirSync(dir.path).sort()).toEqual(["archive", "out"]);
        const argv = ["sh", "-c", 'exec xz -dc < "$0" > "$1"', dir.file("archive"), dir.file("real")] as const;
        const { code, stderr } = await runProgram([...argv]);
        expect({ message, refused: message !== undefined }).toEqual({ message, refused: code !== 0 });
        if (message === undefined) {
          count.same++;
          expect(readFileSync(dir.file("out", "content")).equals(readFileSync(dir.file("real")))).toBe(true);
          return;
        }
        count.refused++;
        // What is cut off is told apart from what is damaged, as xz does, but that zeros may be too few to stand behind the end.
        if (stderr.includes("Unexpected end")) expect(message).toMatch(/ends too early|has other bytes behind its end/);
        expect(message).not.toMatch(/[\u0000-\u001f\u007f]/);
      }),
    );
    if (isOneRun) return;
    // Neither side of it may be empty, or nothing was compared.
    expect(count.same).toBeGreaterThan(RUNS / 5);
    expect(count.refused).toBeGreaterThan(RUNS / 5);
    // Some dictionaries of 64 MiB, which a busy host collects late; all of them would be gigabytes.
    expect(grown).toBeLessThan(768 << 20);
  },
  300_000,
);
