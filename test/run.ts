import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemdGuest } from "./guests/systemd.ts";
import { tinyGuest } from "./guests/tiny.ts";
import { paddockBinary } from "./helpers/binary.ts";
import { deadRuns, describeDeadRun, whenOrphaned } from "./helpers/runs.ts";
import { makeStage } from "./helpers/stage.ts";
import { type Counts, HOME, runBunTest, runTool, withScratch } from "./helpers/steps.ts";

/*
 * The whole check, step by step; one that fails does not keep the next from running.
 *   npm test                 all steps
 *   npm test -- unit house   only these
 */

const bin = (name: string): string => join(HOME, "node_modules", ".bin", name);

/** Aborted by Ctrl-C and its like. The step that runs clears its machines away, for they would outlive it, and no other begins. */
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort(name));

/** npm's shell that is ended by a signal passes none on, and then nobody waits for this any more. */
if (process.env["npm_lifecycle_event"] !== undefined) whenOrphaned(() => stop.abort("the end of npm"));

const STEPS: Readonly<Record<string, () => Promise<Counts>>> = {
  lint: () => runTool([bin("biome"), "check", "."], stop.signal),
  types: () => runTool([bin("tsc"), "--noEmit"], stop.signal),
  build: () => runTool([process.execPath, "build.ts", "--host"], stop.signal),
  unit: () => testHere("unit", 20),
  integration: () => testHere("integration", 60),
  house: () => testHere("house", 60, guestFiles),
  e2e: () => testHere("e2e", 120, () => ({ ...guestFiles(), PADDOCK_BINARY: paddockBinary() })),
  "e2e-user": testAsUser,
  deno: () => testHere("deno", 60, () => ({ PADDOCK_BINARY: paddockBinary() })),
};

/** @param timeoutSeconds of one test; those that wait for machines get as long as a busy host takes. */
async function testHere(
  folder: string,
  timeoutSeconds: number,
  environment: () => Record<string, string> = () => ({}),
): Promise<Counts> {
  return await withScratch((tmp) =>
    runBunTest({
      bun: [process.execPath],
      home: HOME,
      folder,
      timeoutSeconds,
      tmp,
      env: { ...process.env, ...environment() },
      stop: stop.signal,
    }),
  );
}

/** Builds the Linux guests before tests with deadlines want them. */
function guestFiles(): Record<string, string> {
  systemdGuest();
  return { PADDOCK_TINY_DIR: tinyGuest().dir };
}

/** The e2e tests once more as an ordinary user when this is root; otherwise the step before was just that. */
async function testAsUser(): Promise<Counts> {
  if (process.getuid?.() !== 0) {
    console.log("this is no root: the step e2e has run as an ordinary user");
    return { passed: 0, failed: 0 };
  }
  return await withScratch(async (scratch) => {
    const stage = makeStage(scratch, paddockBinary(), tinyGuest().dir);
    return await runBunTest({ ...stage, folder: "e2e", timeoutSeconds: 120, stop: stop.signal });
  });
}

async function runStep(name: string, step: () => Promise<Counts>): Promise<Counts> {
  console.log(`\n== ${name}`);
  const start = performance.now();
  let counts: Counts;
  try {
    counts = await step();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    counts = { passed: 0, failed: 1 };
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds} s`);
  return counts;
}

/** Names what runs left that were killed: their machines take memory and processors. */
function nameLeftovers(): void {
  for (const run of deadRuns(tmpdir())) console.error(describeDeadRun(run));
}

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !(name in STEPS));
  if (unknown.length > 0) {
    console.error(`unknown step ${unknown.join(", ")}; there is: ${Object.keys(STEPS).join(", ")}`);
    return 2;
  }
  nameLeftovers();
  let [passed, failed] = [0, 0];
  const [broken, failures]: [string[], string[]] = [[], []];
  for (const [name, step] of Object.entries(STEPS)) {
    if (stop.signal.aborted) break;
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const counts = await runStep(name, step);
    passed += counts.passed;
    failed += counts.failed;
    if (counts.failed > 0) broken.push(name);
    for (const failure of counts.failures ?? []) failures.push(`${name}: ${failure}`);
  }
  if (stop.signal.aborted) console.error(`stopped by ${stop.signal.reason}`);
  if (failures.length > 0) console.log(`\nonce more what failed:\n\n${failures.join("\n\n")}`);
  if (broken.length > 0) console.log(`\nfailed: ${broken.join(", ")}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && !stop.signal.aborted ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
