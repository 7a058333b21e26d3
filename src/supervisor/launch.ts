import { closeSync, constants, fstatSync, mkdirSync, openSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { delay, monotonicMillis } from "../base/clock.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import { readUntrusted, writeDurable, writeNew } from "../base/files.ts";
import type { CheckedImage } from "../image/checked.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import { type Child, type Stdio, spawn } from "../runtime/spawn.ts";
import type { MachinePlace } from "./machine-place.ts";
import { parseStatus, WRAPPER } from "./wrapper.ts";

/** How long the wrapper may take to write QEMU's identity, in milliseconds; it takes 2 on an idle host. */
const IDENTITY_DEADLINE = 20_000;

export interface Launched {
  readonly child: Child;
  readonly identity: ProcessIdentity;
}

/**
 * Starts QEMU behind its wrapper. The intent is on disk before anything runs, so that a crash of the agent between the two is
 * seen at its next start.
 * @throws AppError when the wrapper cannot be started or does not say who QEMU is.
 */
export async function launchMachine(
  place: MachinePlace,
  plan: LaunchPlan,
  image: CheckedImage,
  bootId: string,
): Promise<Launched> {
  makeSocketDirectory(place);
  // One that is there already was planted by a machine of before: nothing in it is about this start.
  rmSync(place.files.status, { recursive: true, force: true });
  writeNew(place.files.journalIn, '{"execute":"qmp_capabilities"}\n');
  writeNew(place.files.journalOut, "");
  writeDurable(
    place.files.intent,
    `${JSON.stringify({ bootId, generation: place.generation, argv: plan.argv.map((entry) => entry.word) }, null, 1)}\n`,
  );
  const child = await spawnWrapper(place, plan, image);
  const identity = await waitForIdentity(place, child, bootId);
  return { child, identity };
}

/** A machine of before may have put a FIFO or a link under a name of ours: neither is waited for nor followed. */
const APPEND =
  constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

async function spawnWrapper(place: MachinePlace, plan: LaunchPlan, image: CheckedImage): Promise<Child> {
  const opened: number[] = [];
  const open = (path: string, mode: number, more = 0): number => {
    const fd = openSync(path, APPEND | more, mode);
    opened.push(fd);
    if (!fstatSync(fd).isFile()) throw new AppError("invalid", `${path} is not a regular file`);
    return fd;
  };
  try {
    const stdio: Stdio[] = [
      "ignore",
      open(place.stdout, 0o644),
      open(place.stderr, 0o644),
      open(place.files.status, 0o600, constants.O_EXCL),
    ];
    if (plan.disk !== null) {
      stdio[plan.disk.readWrite] = image.readWriteFd;
      stdio[plan.disk.readOnly] = image.readOnlyFd;
    }
    return await spawn({
      argv: ["/bin/sh", "-c", WRAPPER, "paddock-machine", ...plan.argv.map((entry) => entry.word)],
      cwd: plan.cwd,
      env: plan.env,
      stdio,
      detached: true,
    });
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("internal", `cannot start the machine's wrapper: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
    });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

async function waitForIdentity(place: MachinePlace, child: Child, bootId: string): Promise<ProcessIdentity> {
  const deadline = monotonicMillis() + IDENTITY_DEADLINE;
  let over = false;
  void child.exited.then(() => {
    over = true;
  });
  for (let pause = 1; ; pause = Math.min(pause * 2, 10)) {
    // Read after the flag: what a wrapper that is gone had written is there.
    const ended = over;
    const bytes = readUntrusted(place.files.status, 4096);
    const status = bytes === undefined ? null : parseStatus(bytes);
    if (status?.pid != null && status.startTime !== null) {
      return { bootId, pid: status.pid, startTime: status.startTime };
    }
    if (ended || monotonicMillis() > deadline) {
      throw new AppError("internal", "the machine's wrapper did not say who QEMU is", {
        hint: "is there a /bin/sh on this host, and room on the disk?",
      });
    }
    await delay(pause);
  }
}

/** The sockets' directory, private to QEMU's user; one that a crash left is emptied. */
function makeSocketDirectory(place: MachinePlace): void {
  removeSockets(place);
  mkdirSync(place.sockets.dir, { recursive: true, mode: 0o700 });
  symlinkSync(place.sockets.hmp, join(place.dirs.task, "qm.sock"));
  symlinkSync(place.sockets.guestAgent, join(place.dirs.task, "qa.sock"));
}

/** Removes what a machine leaves in the run directory and the links to it. */
export function removeSockets(place: MachinePlace): void {
  rmSync(place.sockets.dir, { recursive: true, force: true });
  for (const name of ["qm.sock", "qa.sock"]) rmSync(join(place.dirs.task, name), { force: true });
}
