import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { sourceFiles } from "./source-rules.ts";

const HOME = join(import.meta.dirname, "..", "..");
const MAX_LINES = 300;

/** Files of `src` that may be longer, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {};

function lineCount(file: string): number {
  return readFileSync(join(HOME, "src", file), "utf8").split("\n").length - 1;
}

test(`no source file is longer than ${MAX_LINES} lines`, () => {
  const long = sourceFiles(join(HOME, "src")).filter((file) => lineCount(file) > MAX_LINES && !(file in LONG_FILES));
  expect(long.map((file) => `${file}: ${lineCount(file)}`)).toEqual([]);
});

test("every exception to the length of files is still needed", () => {
  const needless = Object.keys(LONG_FILES).filter((file) => lineCount(file) <= MAX_LINES);
  expect(needless).toEqual([]);
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
