import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DEMO_BANNER } from "../../src/guest/demo-image.ts";
import { encodeJob } from "../../src/job/wire.ts";
import { type AgentDirs, allocsDir, stdoutLog, taskDirs } from "../../src/paths.ts";
import type { TestAgent } from "../helpers/agent.ts";
import { type ImageAgent, jobText, newest } from "../helpers/jobs.ts";
import { jobOf } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";

/** Waits for the agent to have found out all about its node: after that it has nothing more to do by itself. */
export async function waitUntilSettled(agent: TestAgent): Promise<void> {
  await until("the agent to have tried out KVM", () => agent.output().includes("fingerprinted"), { deadline: 60_000 });
}

/** What `PUT /v1/jobs` takes for a job file. */
export function registration(text: string): string {
  return JSON.stringify({ Job: encodeJob(jobOf(text)), Submission: { Source: text, Format: "hcl2" } });
}

/** Registers a job over the API. @throws with the agent's refusal. */
export async function submit(agent: TestAgent, body: string): Promise<void> {
  const reply = await agent.request("/v1/jobs", {
    method: "PUT",
    body,
    headers: { "content-type": "application/json" },
  });
  if (!reply.ok) throw new Error(`the agent refused the job: ${await reply.text()}`);
  await reply.arrayBuffer();
}

function allocationIds(dirs: AgentDirs): string[] {
  return existsSync(allocsDir(dirs)) ? readdirSync(allocsDir(dirs)) : [];
}

/**
 * Finds the console of an allocation that is there when it is looked for and was not at this call. It looks at the disk, because
 * asking the API would be work for the agent that is measured.
 */
export function newConsole(dirs: AgentDirs): () => string | undefined {
  const known = new Set(allocationIds(dirs));
  return () => {
    const id = allocationIds(dirs).find((name) => !known.has(name));
    return id === undefined ? undefined : stdoutLog(taskDirs(dirs, id, "vm"), "vm");
  };
}

/** Milliseconds from `start`, a time of `performance.now()`. */
export interface Boot {
  /** Until the first byte on the serial port, which is the firmware's. */
  readonly firstByte: number;
  /** Until the guest's own first words. */
  readonly banner: number;
}

/** Looks at a console every millisecond until the guest has spoken. @throws after 30 s. */
export async function watchBoot(start: number, find: () => string | undefined): Promise<Boot> {
  let firstByte: number | undefined;
  while (performance.now() - start < 30_000) {
    const path = find();
    if (path !== undefined && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0) {
      firstByte ??= performance.now() - start;
      if (readFileSync(path, "latin1").includes(DEMO_BANNER)) return { firstByte, banner: performance.now() - start };
    }
    await Bun.sleep(1);
  }
  throw new Error("the guest said nothing for 30 s");
}

/** Forgets a job, kills its machine and waits until the agent has seen its end: then its disk is free for the next one. */
export async function endJob(agent: TestAgent, id: string): Promise<void> {
  const { id: allocation } = await newest(agent, id);
  const reply = await agent.request(`/v1/job/${id}?purge=true`, { method: "DELETE" });
  if (!reply.ok) throw new Error(`the agent did not stop job ${id}: ${await reply.text()}`);
  await reply.arrayBuffer();
  await until(`the machine of job ${id} to have ended`, () => hasEnded(agent, allocation), { deadline: 20_000 });
}

async function hasEnded(agent: TestAgent, allocation: string): Promise<boolean> {
  const reply = await agent.request(`/v1/allocation/${allocation}`);
  const { ClientStatus } = (await reply.json()) as { ClientStatus: string };
  return ClientStatus === "complete" || ClientStatus === "failed";
}

/** QEMU's process of a job's machine, once there is one. */
export async function pidOf(agent: TestAgent, id: string): Promise<number> {
  return await until(`job ${id} to have a machine`, async () => (await newest(agent, id)).vm.Paddock.Pid, {
    deadline: 30_000,
  });
}

/** Starts machines of the jobs `idle-FROM` and on until there are `count`, and waits until all guests idle. @returns QEMU's pids. */
export async function startMachines(agent: ImageAgent, count: number, from = 0): Promise<number[]> {
  const pids: number[] = [];
  for (let index = from; index < count; index++) {
    const id = `idle-${index}`;
    await submit(agent, registration(jobText({ id, image: agent.demoDisk(`${id}.img`) })));
    pids.push(await pidOf(agent, id));
  }
  for (const id of allocationIds(agent.dirs)) {
    const console = stdoutLog(taskDirs(agent.dirs, id, "vm"), "vm");
    await until("the guest to tick", () => readFileSync(console, "latin1").includes("tick"), { deadline: 60_000 });
  }
  return pids;
}

/** Writes a job file for the demo guest beside the agent. */
export function demoJobFile(agent: ImageAgent, id: string, image: string): string {
  return agent.jobFile(jobText({ id, image }), join(`${id}.hcl`));
}
