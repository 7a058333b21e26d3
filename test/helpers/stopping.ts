import { expect } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { machineSockets } from "../../src/paths.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import type { AgentPerTest } from "./agent-per-test.ts";
import {
  bannerOf,
  consoleOf,
  type DemoJob,
  type demoJob,
  idOf,
  imagesDir,
  machineOf,
  writeDemoDisk,
} from "./in-process-agent.ts";
import { until } from "./until.ts";

/** What tests of stops do with the agent and the machine of a test. */
export function stopping(bed: AgentPerTest) {
  const guestIs = (status: string) =>
    until(`the guest to be ${status}`, async () => (await machineOf(bed.agent, "running")).guest === status);
  const stop = (options = {}) => bed.agent.deregisterJob("demo", { purge: false, ...options });
  const sockets = () => machineSockets(bed.dirs, idOf(bed.agent), "vm");

  /** The demo guest that has shown its banner, and so hears its button. */
  async function startDemo(more: DemoJob = {}, image = writeDemoDisk(bed.dir.path)) {
    await bed.submit(more, image);
    const live = await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    return live;
  }

  /** A guest that runs and never hears its button. */
  async function startDeaf(more: DemoJob = {}) {
    mkdirSync(imagesDir(bed.dir.path), { recursive: true });
    const image = bed.dir.file("images", "counter.img");
    makeCounterDisk(image);
    await bed.submit(more, image);
    const live = await machineOf(bed.agent, "running");
    await until("the guest's numbers", async () => (await consoleOf(bed.agent)).includes("00000009"));
    return live;
  }

  /** The receipt of the stop that is under way; it kept the promise, whatever happened. */
  async function receipt() {
    const { ending } = await machineOf(bed.agent, "ended");
    if (ending.stop === null) throw new Error(`no receipt: ${JSON.stringify(ending)}`);
    const { order, took, tries, rung } = ending.stop;
    expect(took).toBeLessThanOrEqual(order.shutdownDelay + order.killTimeout + 2_000);
    return { ending, rung, tries, answers: tries.map(({ rung, answer }) => `${rung}: ${answer}`) };
  }

  function demoQcow2(...options: readonly string[]): string {
    const raw = writeDemoDisk(bed.dir.path);
    const path = bed.dir.file("images", "demo.qcow2");
    execFileSync("qemu-img", ["convert", ...options, "-f", "raw", "-O", "qcow2", raw, path]);
    return path;
  }

  return { startDemo, startDeaf, stop, receipt, guestIs, sockets, demoQcow2 };
}

/** What `qemu-img check` says of a disk: 0 for a clean one, 2 for corruption, 3 for clusters that nobody uses. */
export const checkDisk = (path: string): number | null => spawnSync("qemu-img", ["check", "-f", "qcow2", path]).status;

/** The same job without `graceful_shutdown`. */
export function ungraceful(job: ReturnType<typeof demoJob>): typeof job {
  return JSON.parse(JSON.stringify(job).replace('"graceful_shutdown":true', '"graceful_shutdown":false'));
}
