import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { strangeTar, strangeZip } from "../helpers/archive-mutations.ts";
import { FUZZ_SEED, fuzz, fuzzRuns, isOneRun, type Random } from "../helpers/fuzz.ts";
import { peakGrowth } from "../helpers/memory.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { unpackBytes } from "../helpers/unpacking.ts";

const RUNS = fuzzRuns(500);
const MIB = 2 ** 20;
/** What the cases themselves leave to the collector is some 150 MiB; a size or a count that is believed takes GiB. */
const ENOUGH = 512 * MIB;

/** Everything below a directory: names, kinds, where links lead, and what files hold. */
function treeOf(root: string, below = ""): readonly string[] {
  return readdirSync(join(root, below))
    .toSorted()
    .flatMap((entry) => {
      const name = join(below, entry);
      const path = join(root, name);
      const stat = lstatSync(path);
      if (stat.isSymbolicLink()) return [`${name} -> ${readlinkSync(path)}`];
      if (stat.isDirectory()) return [`${name}/`, ...treeOf(root, name)];
      return [`${name} ${stat.size} ${createHash("sha1").update(readFileSync(path)).digest("hex")}`];
    });
}

interface Real {
  readonly word: string;
  readonly make: (random: Random) => Buffer;
  readonly argv: (archive: string, into: string) => [string, ...string[]];
  /** Its exit codes for what it gives only in part although we give it all. */
  readonly partial: readonly number[];
}

const REAL: readonly Real[] = [
  {
    word: "tar",
    make: strangeTar,
    argv: (archive, into) => ["tar", "--no-same-owner", "--delay-directory-restore", "-xf", archive, "-C", into],
    partial: [],
  },
  {
    word: "zip",
    make: strangeZip,
    argv: (archive, into) => ["unzip", "-qq", "-o", archive, "-d", into],
    // Lengths that stand only in the directory, and a version of the format that it does not know although nothing of it is used.
    partial: [12, 81],
  },
];

test.each(REAL)(
  `${RUNS} strange $word archives give what the real program gives, or are refused, inside and in bounded memory (seed ${FUZZ_SEED})`,
  async ({ word, make, argv, partial }) => {
    const count = { same: 0, refused: 0 };
    const grown = await peakGrowth(() =>
      fuzz(word, RUNS, async (random) => {
        await using dir = tempDir();
        const limits = { entries: 50, bytes: 1 << 24, length: 2 ** 34 };
        const message = await unpackBytes(dir, make(random), word, limits).then(
          () => undefined,
          // Anything but an AppError is thrown, and the test fails with it.
          async (error: unknown) => (await refusal(Promise.reject(error))).message,
        );
        expect(readdirSync(dir.path).sort()).toEqual(["archive", "out"]);
        if (message !== undefined) {
          expect(message).not.toMatch(/[\u0000-\u001f\u007f]/);
          count.refused++;
          return;
        }
        count.same++;
        mkdirSync(dir.file("real"));
        const { code } = await runProgram(argv(dir.file("archive"), dir.file("real")));
        // What an archive lets nobody read is still compared; root needs no leave.
        if (process.getuid?.() !== 0) await runProgram(["chmod", "-R", "u+rwX", dir.file("real")]);
        const [ours, theirs] = [treeOf(dir.file("out")), treeOf(dir.file("real"))];
        if (code !== null && partial.includes(code)) expect(theirs.filter((line) => !ours.includes(line))).toEqual([]);
        else expect(ours).toEqual(theirs);
      }),
    );
    expect(existsSync("/x")).toBe(false);
    if (isOneRun) return;
    // Neither side of it may be empty, or nothing was compared.
    expect(count.same).toBeGreaterThan(RUNS / 5);
    expect(count.refused).toBeGreaterThan(RUNS / 5);
    expect(grown).toBeLessThan(ENOUGH);
  },
  300_000,
);
