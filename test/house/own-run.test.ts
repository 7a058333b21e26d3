import { afterEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, kill, processesAt, untilGone } from "../helpers/processes.ts";
import { testEnvironment } from "../helpers/run.ts";
import { RUN_PREFIX } from "../helpers/runs.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";
import { until } from "../helpers/until.ts";

const temp = tempPerTest();
const HELPERS = join(import.meta.dirname, "..", "helpers");

/** A test that starts a process in a temporary directory and never ends. */
const ENDLESS = `
import { test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";
import { tempDir } from ${JSON.stringify(join(HELPERS, "temp.ts"))};
test("endless", async () => {
  const dir = tempDir();
  const child = Bun.spawn(["sleep", "1000"], { cwd: dir.path });
  writeFileSync(process.env.TOLD + ".part", String(child.pid));
  renameSync(process.env.TOLD + ".part", process.env.TOLD);
  await child.exited;
}, 600_000);
`;

const words = [process.execPath, "test", `--preload=${join(HELPERS, "own-run.ts")}`, "./endless.test.ts"];

/** Starts such a run, in a temporary directory of its own. @returns it, and its test's process once that is there. */
async function begin(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  writeFileSync(temp.file("endless.test.ts"), ENDLESS);
  rmSync(temp.file("told"), { force: true });
  const run = Bun.spawn([...argv], {
    cwd: temp.path,
    env: testEnvironment({ TMPDIR: temp.path, TOLD: temp.file("told"), ...env }),
    stdout: "ignore",
    stderr: "pipe",
  });
  const pid = Number(await until("the test's process", () => readFileSync(temp.file("told"), "utf8")));
  return { run, pid };
}

const runs = (): string[] => readdirSync(temp.path).filter((name) => name.startsWith(RUN_PREFIX));

afterEach(() => {
  for (const { pid } of processesAt(temp.path)) kill(pid);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("a run that %s ends ends what its tests have started, and leaves nothing", async (signal, code) => {
  const { run, pid } = await begin(words);
  expect(isAlive(pid)).toBe(true);
  run.kill(signal);
  expect(await run.exited).toBe(code);
  expect(isAlive(pid)).toBe(false);
  expect(runs()).toEqual([]);
});

test("what a run left that was killed by SIGKILL is named by the next one, and left alone", async () => {
  const first = await begin(words);
  first.run.kill("SIGKILL");
  await first.run.exited;
  const [left] = runs();
  const second = await begin(words);
  second.run.kill("SIGINT");
  const dir = join(temp.path, left ?? "");
  expect(await new Response(second.run.stderr).text()).toContain(
    `a run of tests that was killed (process ${first.run.pid}) left ${dir}\n  process ${first.pid}: sleep 1000\n  hint: kill -9 ${first.pid}; rm -r ${dir}\n`,
  );
  expect(isAlive(first.pid)).toBe(true);
  expect(isAlive(second.pid)).toBe(false);
});

test("a run whose runner was killed by SIGKILL ends by itself, with what its tests have started", async () => {
  const runner = ["sh", "-c", '"$@" & wait', "sh", ...words];
  const { run, pid } = await begin(runner, { PADDOCK_TEST_RUNNER: "1" });
  run.kill("SIGKILL");
  await untilGone("the test's process", pid);
  await until("the run to end", () => processesAt(temp.path).length === 0);
});
