import { afterAll } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { kill, processesAt } from "./processes.ts";
import { deadRuns, describeDeadRun, markRun, RUN_PREFIX, whenOrphaned } from "./runs.ts";

/*
 * Loaded before the tests of every run (bunfig.toml). A run has a temporary directory of its own: what others leave in the common one at
 * the same time is none of its business. When somebody ends the run, by Ctrl-C or another signal, it ends what its tests have started.
 */

/** Set by whoever runs the tests and clears up after them. */
const RUNNER = "PADDOCK_TEST_RUNNER";

const isAlone = process.env[RUNNER] === undefined;
const dir = isAlone ? makeOwnDirectory() : tmpdir();
if (!dir.includes(`/${RUN_PREFIX}`))
  throw new Error(`${dir} is no directory of one run: ${RUNNER} is not to be set by hand`);

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    endAll();
    if (isAlone) remove();
    process.exit(128 + constants.signals[name]);
  });
}

if (isAlone) {
  afterAll(() => {
    for (const { pid, command } of processesAt(dir)) console.error(`left behind: process ${pid}: ${command}`);
    endAll();
    remove();
  });
} else {
  whenOrphaned(() => {
    endAll();
    process.exit(1);
  });
}

function makeOwnDirectory(): string {
  const common = tmpdir();
  for (const run of deadRuns(common)) console.error(describeDeadRun(run));
  const own = mkdtempSync(join(common, RUN_PREFIX));
  // The users of machines pass through.
  chmodSync(own, 0o711);
  markRun(own);
  process.env["TMPDIR"] = own;
  // What is worth keeping for the next run.
  process.env["PADDOCK_TEST_COMMON"] = common;
  return own;
}

/** What was just being started at one look is there at the next. */
function endAll(): void {
  for (let quiet = 0, looks = 0; quiet < 2 && looks < 100; looks++) {
    const left = processesAt(dir);
    for (const { pid } of left) kill(pid);
    quiet = left.length === 0 ? quiet + 1 : 0;
    Bun.sleepSync(10);
  }
}

function remove(): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
}
