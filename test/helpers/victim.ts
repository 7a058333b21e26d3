import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { machineSockets } from "../../src/paths.ts";
import type { AgentPerTest } from "./agent-per-test.ts";
import { bannerOf, type DemoJob, idOf, machineOf } from "./in-process-agent.ts";
import { parentOf, untilGone } from "./processes.ts";

/** A machine of the demo guest that runs, and ways to end it. */
export interface Victim {
  readonly id: string;
  readonly pid: number;
  /** Types a character on the guest's serial console, again and again until QEMU is gone or the returned function is called. */
  type(key: string): () => void;
  /** Gives a command to QEMU's human monitor. */
  monitor(command: string): void;
  /** SIGKILL to the wrapper alone; resolves when it is gone. */
  killWrapper(): Promise<void>;
}

export async function startVictim(bed: AgentPerTest, job: DemoJob): Promise<Victim> {
  await bed.submit(job);
  const { identity } = await machineOf(bed.agent, "running");
  const id = idOf(bed.agent);
  const { pid } = identity;
  await bannerOf(bed.agent);
  const sockets = machineSockets(bed.dirs, id, "vm");
  return {
    id,
    pid,
    type: (key) => typeOn(sockets.serial, key),
    monitor: (command) => void connectTo(sockets.hmp).write(`${command}\n`),
    killWrapper: async () => {
      const wrapper = parentOf(pid);
      process.kill(wrapper, "SIGKILL");
      await untilGone("the wrapper", wrapper);
    },
  };
}

/** QEMU may drop what it has not read yet when its peer hangs up: the connection stays until QEMU's end. */
function connectTo(path: string): Socket {
  const socket = connect(path);
  socket.on("error", () => socket.destroy());
  return socket.resume();
}

/**
 * Types a character on a serial port, again and again until QEMU is gone or the returned function is called: SeaBIOS reads the port at
 * each timer interrupt, too, and a key that it takes never comes to the guest.
 */
export function typeOn(path: string, key: string): () => void {
  const socket = connectTo(path);
  socket.write(key);
  const again = setInterval(() => socket.write(key), 500);
  socket.on("close", () => clearInterval(again));
  return () => socket.destroy();
}

/** `pvpanic` takes a byte at this port; 1 says that the kernel panicked, 2 that a crash kernel was loaded (QEMU's docs/specs/pvpanic). */
export const PANIC = "o/b 0x505 1";
export const CRASH_LOADED = "o/b 0x505 2";
export const CTRL_D = "\u0004";
/** Where it can be typed but once: some of them SeaBIOS may take. */
export const CTRL_D_OFTEN = CTRL_D.repeat(8);
export const CTRL_R = "\u0012";

/** What was kept of the one end of the demo machine. */
export function keptEnd(bed: AgentPerTest, victim: Victim) {
  const { end, ends } = bed.agent.why(victim.id, "vm");
  expect(ends).toHaveLength(1);
  if (end === null) throw new Error("no post-mortem was kept");
  return end;
}

/** Read as a file, because no agent may be there to be asked. */
export const journalOf = (bed: AgentPerTest, { id }: Victim): string =>
  readFileSync(bed.dir.file("data", "alloc", id, "vm", ".paddock", "ev.1.out"), "latin1");
