import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { FailureLog } from "../helpers/failure-log.ts";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";

const FIRST = `import { expect, test } from "bun:test";
test("adds", () => { console.log("noise of adds"); expect(1 + 1).toBe(2); });
test("multiplies", () => { console.log("noise of multiplies"); expect(2 * 2).toBe(5); });
test("waits", () => new Promise(() => {}), 50);
test.skip("is left out", () => {});
`;
const SECOND = `import { test } from "bun:test";
test("throws", () => { throw new Error("the reason"); });
test("passes", () => {});
${Array.from({ length: 30 }, (_, n) => `test("passes ${n}", () => {});`).join("\n")}
`;

test("the log of failures has each failed test of a real run with its file and its own output, and nothing of the others", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("test"));
  writeFileSync(dir.file("test", "first.test.ts"), FIRST);
  writeFileSync(dir.file("test", "second.test.ts"), SECOND);
  const run = ["sh", "-c", 'exec "$0" test ./test/ 2>&1', process.execPath] as const;
  const { stdout } = await runProgram(run, { cwd: dir.path, env: { CI: "true" } });

  const log = new FailureLog();
  for (const line of stdout.split("\n")) log.take(line);
  const [wrong, late, thrown] = log.failures;
  // So long a run says once more at its end what failed.
  expect(stdout).toContain("\n3 tests failed:\n");
  expect(log.failures.length).toBe(3);
  expect(wrong).toStartWith("test/first.test.ts:\nnoise of multiplies\n");
  expect(wrong).toMatch(/Expected: 5[\s\S]*\(fail\) multiplies \[/);
  expect(wrong).not.toContain("\nnoise of adds");
  expect(late).toMatch(/^test\/first.test.ts:\n\(fail\) waits \[.*\n {2}\^ .*timed out/);
  expect(thrown).toMatch(/^test\/second.test.ts:\n[\s\S]*the reason[\s\S]*\(fail\) throws/);
});

test("of a long output the log keeps the last lines before the verdict", () => {
  const log = new FailureLog();
  log.take("test/x.test.ts:");
  for (let n = 1; n <= 100; n++) log.take(`line ${n}`);
  log.take("(fail) x [1ms]");
  const lines = log.failures[0]?.split("\n") ?? [];
  expect(lines.length).toBe(42);
  expect(lines.slice(0, 2)).toEqual(["test/x.test.ts:", "line 61"]);
});
