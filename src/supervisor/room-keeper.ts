import { readFile, readlink, stat, statfs } from "node:fs/promises";
import type { Allocation } from "../allocation/allocation.ts";
import type { Live, MachineState } from "../allocation/machine.ts";
import { type Clock, monotonicMillis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import { withDeadline } from "../base/exec.ts";
import type { Log } from "../base/log.ts";
import { listUntrusted } from "../logs/files.ts";
import { diskFiles } from "../paths.ts";
import { cont, queryStatus } from "../qmp/commands.ts";
import type { Desk } from "./desk.ts";
import type { MachinePlace } from "./machine-place.ts";

/** How often it is looked for room while a guest waits for some, in milliseconds; nothing is looked at otherwise. */
const LOOK_EVERY = 3_000;
/** A guest that stands still again so soon after it was let go on waits twice as long the next time, ... */
const SOON = 60_000;
/** ... and this long at most: there are quotas that no file system tells of. */
const LONGEST_WAIT = 300_000;
/** For a file system that answers, in milliseconds: one of a dead server never does. */
const PATIENCE = 2_000;
const COMMAND_DEADLINE = 5_000;

/**
 * Room that lets a guest go on, in bytes: a single cluster of a qcow2 has 64 KiB, and a guest that gets no more than that stands still
 * again at once, over and over. An eighth of a file system that is small.
 */
const ENOUGH = 16 << 20;
const SHARE = 8;

/** Most descriptors of a QEMU that are looked at; it has some 30, and what it has taken over may open any number. */
const MOST_DESCRIPTORS = 512;
const WRITABLE = 0o3;

export interface RoomKeeperContext {
  readonly clock: Clock;
  readonly log: Log;
}

/** What the keeper needs of an allocation's actor. */
export interface StandingAllocation {
  readonly allocation: Allocation;
  desk(task: string): Desk;
}

interface Entry {
  readonly actor: StandingAllocation;
  readonly task: string;
  readonly generation: number;
  /** By the steady clock, in milliseconds; null while the guest goes on. */
  due: number | null;
  wait: number;
  /** When it was last let go on. */
  resumed: number;
  busy: boolean;
}

/** Lets guests go on that stood still for want of room on their disk's file system, once there is room again. */
export class RoomKeeper {
  readonly #context: RoomKeeperContext;
  readonly #entries = new Map<string, Entry>();
  #cancel: (() => void) | null = null;

  constructor(context: RoomKeeperContext) {
    this.#context = context;
  }

  /** Looks at a machine after whatever happened to it. */
  see(actor: StandingAllocation, task: string): void {
    const { allocation } = actor;
    const key = `${allocation.id}/${task}`;
    const machine = allocation.tasks[task]?.machine;
    const before = this.#entries.get(key);
    if (machine?.kind !== "running" || (before !== undefined && before.generation !== machine.generation)) {
      this.#entries.delete(key);
    }
    if (machine?.kind !== "running") return;
    const entry = this.#entries.get(key);
    if (!waitsForRoom(machine)) {
      if (entry !== undefined) entry.due = null;
      return;
    }
    if (entry?.due != null) return;
    const now = monotonicMillis();
    const soon = entry !== undefined && now < entry.resumed + SOON;
    const wait = soon ? Math.min(entry.wait * 2, LONGEST_WAIT) : LOOK_EVERY;
    const { generation } = machine;
    const resumed = entry?.resumed ?? Number.NEGATIVE_INFINITY;
    this.#entries.set(key, { actor, task, generation, due: now + wait, wait, resumed, busy: false });
    this.#schedule();
  }

  /** Looks now at all that wait, whenever their next look is due. */
  async look(): Promise<void> {
    const waiting = [...this.#entries.values()].filter(({ due, busy }) => due !== null && !busy);
    await Promise.all(waiting.map((entry) => this.#tryResume(entry)));
  }

  close(): void {
    this.#cancel?.();
    this.#entries.clear();
  }

  #schedule(): void {
    this.#cancel ??= this.#context.clock.after(LOOK_EVERY, () => {
      this.#cancel = null;
      for (const entry of this.#entries.values()) {
        if (entry.due === null) continue;
        this.#schedule();
        // Timers are not exact, and a look that comes a moment early must not cost a whole one.
        if (!entry.busy && entry.due <= monotonicMillis() + LOOK_EVERY / 2) void this.#tryResume(entry);
      }
    });
  }

  /** Never rejects. */
  async #tryResume(entry: Entry): Promise<void> {
    const { actor, task } = entry;
    const { log } = this.#context;
    entry.busy = true;
    try {
      const machine = standing(actor, task);
      const desk = actor.desk(task);
      if (machine === null || !(await hasRoom(machine.identity.pid, desk.place(machine.generation)))) return;
      const client = desk.hands.watch?.monitor ?? null;
      if (client === null || (await queryStatus(client, COMMAND_DEADLINE)).status !== "io-error") return;
      // Looked at once more behind every wait: somebody may have paused or stopped it meanwhile.
      if (standing(actor, task) === null) return;
      entry.resumed = monotonicMillis();
      log.info("there is room again; the guest goes on", { task });
      await cont(client, COMMAND_DEADLINE);
    } catch (error) {
      log.warn("a guest whose disk was full cannot be let go on; it is tried again", { task, error: errorText(error) });
    } finally {
      entry.busy = false;
      // One that stands still yet, because nothing came of it, takes its time too.
      if (entry.due !== null) entry.due = monotonicMillis() + entry.wait;
    }
  }
}

function waitsForRoom({ standstill, guest }: Live): boolean {
  return guest === "io-error" && standstill?.status === "nospace" && !standstill.held;
}

/** The machine while it waits for room. */
function standing({ allocation }: StandingAllocation, task: string): Extract<MachineState, { kind: "running" }> | null {
  const machine = allocation.tasks[task]?.machine;
  return machine?.kind === "running" && waitsForRoom(machine) ? machine : null;
}

/**
 * Whether every file system has room that holds a file which QEMU writes to, be it a disk of `args` or the unnamed file of
 * `-snapshot`: the kernel knows them all. Its logs and its journal are not meant. True where nothing is to be found out (a disk that is a
 * device, a host that hides QEMU's descriptors): trying costs no more than standing still again.
 */
async function hasRoom(pid: number, place: MachinePlace): Promise<boolean> {
  const seen = new Set<number>();
  for (const name of listUntrusted(`/proc/${pid}/fd`).slice(0, MOST_DESCRIPTORS)) {
    const path = `/proc/${pid}/fd/${name}`;
    const room = await withDeadline(roomBehind(path, { pid, name, place, seen }), PATIENCE);
    if (room === "none") return false;
  }
  return true;
}

interface Looked {
  readonly pid: number;
  readonly name: string;
  readonly place: MachinePlace;
  /** Devices of file systems that were asked already. */
  readonly seen: Set<number>;
}

async function roomBehind(path: string, { pid, name, place, seen }: Looked): Promise<"some" | "none"> {
  try {
    const target = await readlink(path);
    if (isOurs(target, place)) return "some";
    const { dev, isFile } = await regularFile(path);
    if (!isFile || seen.has(dev) || !(await isWritable(pid, name))) return "some";
    seen.add(dev);
    const { bavail, blocks, bsize } = await statfs(path);
    return bavail * bsize >= Math.min(ENOUGH, (blocks * bsize) / SHARE) ? "some" : "none";
  } catch {
    // Closed meanwhile, or not ours to look at.
    return "some";
  }
}

/** What QEMU writes for the agent: its journal and logs. A disk that the agent made lies beside the journal. */
function isOurs(target: string, { dirs }: MachinePlace): boolean {
  if (target.startsWith(`${dirs.logs}/`)) return true;
  const { overlay, copy } = diskFiles(dirs);
  return target.startsWith(`${dirs.machine}/`) && target !== overlay && target !== copy;
}

async function regularFile(path: string): Promise<{ readonly dev: number; readonly isFile: boolean }> {
  const found = await stat(path);
  return { dev: found.dev, isFile: found.isFile() };
}

async function isWritable(pid: number, name: string): Promise<boolean> {
  const info = await readFile(`/proc/${pid}/fdinfo/${name}`, "latin1");
  return (Number.parseInt(/^flags:\s+0?([0-7]+)$/m.exec(info)?.[1] ?? "0", 8) & WRITABLE) !== 0;
}
