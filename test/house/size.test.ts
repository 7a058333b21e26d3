import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { type Exceptions, needless, unexcused } from "./exceptions.ts";
import { sourceFiles } from "./source-rules.ts";

const HOME = join(import.meta.dirname, "..", "..");
/** Lines that a file may have. */
const MOST = { src: 300, test: 350 } as const;

/** Files that may be longer, each with its reason. */
const LONG_FILES: Exceptions = {};

/** Every file that is longer than its tree allows, such as `src/a.ts: 301`; goldens are made, not written. */
function longFiles(home: string): string[] {
  return Object.entries(MOST).flatMap(([tree, most]) =>
    sourceFiles(join(home, tree))
      .map((file) => `${tree}/${file}`)
      .filter((file) => !file.startsWith("test/golden/"))
      .map((file) => ({ file, lines: readFileSync(join(home, file), "utf8").split("\n").length - 1 }))
      .filter(({ lines }) => lines > most)
      .map(({ file, lines }) => `${file}: ${lines}`),
  );
}

test(`no source file is longer than ${MOST.src} lines, and no file of the tests than ${MOST.test}`, () => {
  expect(unexcused(longFiles(HOME), LONG_FILES)).toEqual([]);
});

test("every exception to the length of files is still needed", () => {
  expect(needless(longFiles(HOME), LONG_FILES)).toEqual([]);
});

test("a file with a line too many is found, and one without is not", async () => {
  await using dir = tempDir();
  for (const [tree, most] of Object.entries(MOST)) {
    mkdirSync(dir.file(tree, "deep"), { recursive: true });
    writeFileSync(dir.file(tree, "deep", "full.ts"), "\n".repeat(most));
    writeFileSync(dir.file(tree, "deep", "long.ts"), "\n".repeat(most + 1));
  }
  mkdirSync(dir.file("test", "golden"));
  writeFileSync(dir.file("test", "golden", "made.ts"), "\n".repeat(1_000));
  expect(longFiles(dir.path)).toEqual(["src/deep/long.ts: 301", "test/deep/long.ts: 351"]);
});

/** What the linter, with the project's settings, says about a function of `statements` lines in `src`. */
async function lintFunction(statements: number): Promise<{ code: number | null; output: string }> {
  await using dir = tempDir();
  const settings = JSON.parse(readFileSync(join(HOME, "biome.json"), "utf8")) as Record<string, unknown>;
  writeFileSync(dir.file("biome.json"), JSON.stringify({ ...settings, vcs: { enabled: false } }));
  mkdirSync(dir.file("src"));
  const body = "  a += 1;\n".repeat(statements);
  writeFileSync(dir.file("src", "long.ts"), `export function grow(a: number): number {\n${body}  return a;\n}\n`);
  const biome = join(HOME, "node_modules", ".bin", "biome");
  const { code, stdout, stderr } = await runProgram([biome, "lint", "src"], { cwd: dir.path });
  return { code, output: stdout + stderr };
}

test("the linter refuses a function of more than 60 lines, and no shorter one", async () => {
  const long = await lintFunction(61);
  expect(long.output).toContain("noExcessiveLinesPerFunction");
  expect(long.code).not.toBe(0);
  const short = await lintFunction(58);
  expect(short.output).not.toContain("noExcessiveLinesPerFunction");
  expect(short.code).toBe(0);
});
