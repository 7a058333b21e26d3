import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { binaryFile, buildTargets, describeCommit, hostTarget } from "../../build.ts";
import { processesAt } from "../helpers/processes.ts";
import { HOME } from "../helpers/steps.ts";
import { adopt } from "./adopt.ts";
import { artifact } from "./artifact.ts";
import type { Bench, Figure } from "./bench.ts";
import { connections } from "./connections.ts";
import { idle } from "./idle.ts";
import { libvirt } from "./libvirt.ts";
import { list } from "./list.ts";
import { memory } from "./memory.ts";
import { parse } from "./parse.ts";
import { start } from "./start.ts";
import { stop } from "./stop.ts";
import { formatTable } from "./table.ts";
import { unpack } from "./unpack.ts";
import { version } from "./version.ts";

/*
 * How fast and how small, side by side with the plain tools in the same run.
 *   bun test/bench/run.ts              everything
 *   bun test/bench/run.ts start list   only these
 * The binary is built from the source as it is, or is the one that PADDOCK_BINARY names. Exits with 1 when something could not be
 * measured, never because a figure is over its budget: hosts differ, and this is no gate.
 *
 * On an idle host only, and not within five minutes of tests: ext4 gives out no inode number that was freed a short while ago, and looks
 * past every one (`recently_deleted` in fs/ext4/ialloc.c). After many files were removed a start, which makes 18, takes 9 ms longer.
 */

const BENCHES: readonly Bench[] = [
  version,
  parse,
  start,
  stop,
  libvirt,
  list,
  adopt,
  memory,
  idle,
  artifact,
  connections,
  unpack,
];

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    console.error(`unknown bench ${unknown.join(", ")}; there is: ${BENCHES.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const scratch = mkdtempSync(join(tmpdir(), "pdk-bench-"));
  // The users of machines pass through it.
  chmodSync(scratch, 0o711);
  // Everything that is made from here on lies below it.
  process.env["TMPDIR"] = scratch;
  const clear = (): void => clearAway(scratch);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      clear();
      process.exit(130);
    });
  }
  try {
    process.env["PADDOCK_BINARY"] ||= await buildBinary(scratch);
    return await runAll(BENCHES.filter(({ name }) => wanted.length === 0 || wanted.includes(name)));
  } finally {
    clear();
  }
}

async function runAll(benches: readonly Bench[]): Promise<number> {
  const figures: Figure[] = [];
  const failures: string[] = [];
  for (const bench of benches) {
    const begin = performance.now();
    const load = loadavg()[0]?.toFixed(1);
    try {
      figures.push(...(await bench.run()));
    } catch (error) {
      failures.push(`${bench.name} was not measured: ${error instanceof Error ? error.message : error}`);
    }
    console.error(`${bench.name}: ${((performance.now() - begin) / 1000).toFixed(0)} s, load before it ${load}`);
  }
  console.log(
    `\n${cpus()[0]?.model ?? "processor unknown"}, ${cpus().length} processors, commit ${describeCommit(HOME)}\n`,
  );
  console.log(formatTable(figures));
  for (const failure of failures) console.error(`\n${failure}`);
  return failures.length === 0 ? 0 : 1;
}

async function buildBinary(scratch: string): Promise<string> {
  const target = hostTarget();
  if (target === undefined) throw new Error(`there is no paddock for ${process.platform}-${process.arch}`);
  const outDir = join(scratch, "dist");
  const failures = await buildTargets([target], {
    sourceRoot: join(HOME, "src"),
    outDir,
    version: (JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as { version: string }).version,
    commit: describeCommit(HOME),
    ownRuntimeWhenOffline: true,
  });
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return binaryFile(outDir, target);
}

function clearAway(scratch: string): void {
  for (const { pid } of processesAt(scratch)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it ended while we looked
    }
  }
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
}

process.exitCode = await main(process.argv.slice(2));
