import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tempDir } from "../helpers/temp.ts";
import { tokenize } from "../helpers/tokens.ts";
import { findBreaches, findCircles, importsOf, sourceFiles } from "./source-rules.ts";

const SRC = join(import.meta.dirname, "..", "..", "src");

test("every import points to a lower rank or stays in its folder, and the runtime, processes and exit keep to their places", () => {
  expect(sourceFiles(SRC).length).toBeGreaterThan(20);
  expect(findBreaches(SRC)).toEqual([]);
});

test("no file imports what imports it, types included", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("a.ts"), 'import type { B } from "./b.ts";');
  writeFileSync(dir.file("b.ts"), 'import { c } from "./c.ts";');
  writeFileSync(dir.file("c.ts"), 'export type { A } from "./a.ts";');
  expect(findCircles(dir.path)).toEqual(["a.ts → b.ts → c.ts → a.ts"]);
  expect(findCircles(SRC)).toEqual([]);
});

test("no import that Bun's own parser sees escapes the check", () => {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  for (const file of sourceFiles(SRC)) {
    const source = readFileSync(join(SRC, file), "utf8");
    const seen = new Set(importsOf(tokenize(source)).map(({ specifier }) => specifier));
    const missed = transpiler.scanImports(source).filter(({ path }) => !seen.has(path));
    expect({ file, missed }).toEqual({ file, missed: [] });
  }
});

/** A file of a small source tree, and what is wrong with it. */
const PLANTED: readonly { file: string; source: string; breach: string }[] = [
  { file: "base/up.ts", source: 'import { x } from "../job/job.ts";', breach: "job has no lower rank than base" },
  {
    file: "base/types.ts",
    source: 'import type { X } from "../job/job.ts";',
    breach: "job has no lower rank than base",
  },
  { file: "base/again.ts", source: 'export * from "../job/job.ts";', breach: "job has no lower rank than base" },
  {
    file: "base/late.ts",
    source: 'const x = await import("../job/job.ts");',
    breach: "job has no lower rank than base",
  },
  { file: "config/side.ts", source: 'import { x } from "../job/job.ts";', breach: "job has no lower rank than config" },
  { file: "extras/odd.ts", source: "export const x = 1;", breach: "extras has no rank" },
  { file: "cli/reach.ts", source: 'import { x } from "../agent/agent.ts";', breach: "cli never imports agent" },
  { file: "api/reach.ts", source: 'import { x } from "../state/store.ts";', breach: "api never imports state" },
  { file: "api/spawn.ts", source: 'import { x } from "../runtime/spawn.ts";', breach: "starts processes" },
  {
    file: "agent/child.ts",
    source: 'import { spawn } from "node:child_process";',
    breach: "imports node:child_process",
  },
  { file: "agent/gone.ts", source: 'import { x } from "./nowhere.ts";', breach: "which is not there" },
  { file: "base/bun.ts", source: "export const x = Bun.version;", breach: "names Bun" },
  { file: "base/bun-type.ts", source: "export type X = typeof Bun.serve;", breach: "names Bun" },
  { file: "base/deno.ts", source: "const x = `in a template ${Deno.pid}`;", breach: "names Deno" },
  { file: "base/ffi.ts", source: 'import { dlopen } from "bun:ffi";', breach: "imports bun:ffi" },
  { file: "agent/quit.ts", source: "process.exit(1);", breach: "calls process.exit" },
  { file: "base/utils.ts", source: "export const x = 1;", breach: "named after what it does" },
  { file: "agent/vm-manager.ts", source: "export const x = 1;", breach: "named after what it does" },
];

const INNOCENT: Readonly<Record<string, string>> = {
  "runtime/spawn.ts": 'import { spawn } from "node:child_process"; export const x = Bun.spawn;',
  "job/job.ts": 'import { x as y } from "../runtime/spawn-free.ts"; export const x = y;',
  "runtime/spawn-free.ts": "export const x = 1;",
  "agent/agent.ts": "export const x = 1; // Bun.serve and process.exit in a comment",
  "state/store.ts": 'export const x = "Bun.serve, process.exit(1) in a string"; export const y = /import("x") `/;',
  "supervisor/start.ts": 'import { x } from "../runtime/spawn.ts"; export const z = x;',
  "main.ts": "process.exitCode = 1; process.exit(1);",
};

async function breachesOf(files: Readonly<Record<string, string>>): Promise<string[]> {
  await using dir = tempDir();
  for (const [file, source] of Object.entries(files)) {
    mkdirSync(dirname(dir.file(file)), { recursive: true });
    writeFileSync(dir.file(file), source);
  }
  return findBreaches(dir.path);
}

test("a tree that keeps the rules has no breach", async () => {
  expect(await breachesOf(INNOCENT)).toEqual([]);
});

for (const { file, source, breach } of PLANTED) {
  test(`a planted breach is found: ${source} in ${file}`, async () => {
    const found = await breachesOf({ ...INNOCENT, [file]: source });
    expect(found).toHaveLength(1);
    expect(found[0]).toStartWith(`${file}:1 `);
    expect(found[0]).toContain(breach);
  });
}
