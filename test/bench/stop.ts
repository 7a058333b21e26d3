import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { DEMO_BANNER } from "../../src/guest/demo-image.ts";
import { machineFiles, machineSockets, stdoutLog, taskDirs } from "../../src/paths.ts";
import { parseJournal } from "../../src/qmp/event.ts";
import { type ImageAgent, jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { isAlive } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";
import { alternate, type Bench, median } from "./bench.ts";
import { pidOf, registration, submit, waitUntilSettled } from "./machines.ts";

const ROUNDS = 12;

/** The demo guest powers off when it reads this (Ctrl-D). */
const POWER_OFF = "\x04";

/** A service would be started again; a batch job whose guest powers off is done. */
const BATCH = 'type = "batch"';

/** From a guest that powers itself off to the allocation that says so over the API. */
export const stop: Bench = {
  name: "stop",
  run: async () => {
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    const { hand, paddock } = await alternate<"hand" | "paddock", End>(ROUNDS, {
      hand: () => endByHand(agent),
      paddock: (round) => endUnderAgent(agent, `stop-${round}`),
    });
    const of = (key: keyof End): number => median(paddock.map((end) => end[key]));
    return [
      { what: "SHUTDOWN event to stop reported", unit: "ms", paddock: of("fromEvent"), budget: { most: 50 } },
      { what: "QEMU's process gone to stop reported", unit: "ms", paddock: of("fromGone"), budget: { most: 50 } },
      {
        what: "guest told to power off to its end known (plain: wait for QEMU)",
        unit: "ms",
        plain: median(hand.map(({ fromOrder }) => fromOrder)),
        paddock: of("fromOrder"),
      },
    ];
  },
};

/** Milliseconds until the end was known. */
interface End {
  readonly fromOrder: number;
  readonly fromEvent: number;
  readonly fromGone: number;
}

async function endByHand(agent: ImageAgent): Promise<End> {
  const socket = join(agent.dir, "by-hand.sock");
  const log = join(agent.dir, "by-hand.serial");
  rmSync(log, { force: true });
  const serial = `socket,id=serial,path=${socket},server=on,wait=off,logfile=${log}`;
  const child = Bun.spawn(
    [
      ...["qemu-system-x86_64", "-machine", "type=pc,accel=tcg", "-m", "128M"],
      ...["-drive", `file=${agent.demoDisk("by-hand.img")},if=ide,format=raw`],
      ...["-nographic", "-monitor", "none", "-chardev", serial, "-serial", "chardev:serial"],
    ],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  try {
    await waitForBanner(log);
    const ordered = await typePowerOff(socket, child.pid);
    await child.exited;
    return { fromOrder: Date.now() - ordered, fromEvent: Number.NaN, fromGone: Number.NaN };
  } finally {
    child.kill("SIGKILL");
  }
}

async function endUnderAgent(agent: ImageAgent, id: string): Promise<End> {
  await submit(agent, registration(jobText({ id, image: agent.demoDisk(), job: BATCH })));
  const pid = await pidOf(agent, id);
  const { id: allocId } = await newest(agent, id);
  const dirs = taskDirs(agent.dirs, allocId, "vm");
  await waitForBanner(stdoutLog(dirs, "vm"));
  const reported = waitForEnd(agent, allocId);
  const gone = waitUntilGone(pid);
  const ordered = await typePowerOff(machineSockets(agent.dirs, allocId, "vm").serial, pid);
  const [reportedAt, goneAt] = await Promise.all([reported, gone]);
  return {
    fromOrder: reportedAt - ordered,
    fromEvent: reportedAt - shutdownTime(machineFiles(dirs, 1).journalOut),
    fromGone: reportedAt - goneAt,
  };
}

async function waitForBanner(console: string): Promise<void> {
  await until("the guest's banner", () => readFileSync(console, "latin1").includes(DEMO_BANNER));
}

/** Types until the machine goes: SeaBIOS looks at the serial port, too, and sometimes takes what was meant for the guest. @returns when it was typed last. */
async function typePowerOff(socket: string, pid: number): Promise<number> {
  for (;;) {
    const ordered = Date.now();
    await type(socket, POWER_OFF);
    const gone = until("QEMU to be gone", () => !isAlive(pid), { every: 1, deadline: 1_000 });
    if (await gone.catch(() => false)) return ordered;
  }
}

function type(socket: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket, () => connection.end(text));
    connection.once("close", () => resolve());
    connection.once("error", reject);
    connection.resume();
  });
}

/** By blocking queries, as the CLI waits. @returns milliseconds since 1970. */
async function waitForEnd(agent: ImageAgent, allocId: string): Promise<number> {
  for (let index = "0"; ; ) {
    const reply = await agent.request(`/v1/allocation/${allocId}?index=${index}`);
    const { ClientStatus } = (await reply.json()) as { ClientStatus: string };
    if (ClientStatus !== "running" && ClientStatus !== "pending") return Date.now();
    index = reply.headers.get("x-nomad-index") ?? "0";
  }
}

async function waitUntilGone(pid: number): Promise<number> {
  await until("QEMU to be gone", () => !isAlive(pid), { every: 1 });
  return Date.now();
}

/** When QEMU says that the guest powered off, in milliseconds since 1970. */
function shutdownTime(journal: string): number {
  const event = parseJournal(readFileSync(journal)).events.find(({ name }) => name === "SHUTDOWN");
  if (event === undefined) throw new Error("QEMU's journal has no SHUTDOWN event");
  return event.at;
}
