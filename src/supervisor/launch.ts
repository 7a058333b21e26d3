import { closeSync, constants, mkdirSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { ProcessIdentity } from "../allocation/machine.ts";
import { delay, monotonicMillis } from "../base/clock.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import { killGroup } from "../base/exec.ts";
import { openNew, readUntrusted, writeNew } from "../base/files.ts";
import type { MachineGroup } from "../cgroup/groups.ts";
import type { BootDisk } from "../image/checked.ts";
import { processUids } from "../node/users.ts";
import type { MachineFiles } from "../paths.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import { type Child, type Stdio, spawn } from "../runtime/spawn.ts";
import type { Prepared } from "./hands.ts";
import { writeIntent } from "./intent.ts";
import { limitsFor } from "./limits.ts";
import type { MachinePlace } from "./machine-place.ts";
import { giveDirectory, giveFile, openLogFile, withMachineFiles } from "./own-files.ts";
import { CGROUP_FD, parseStatus, WRAPPER } from "./wrapper.ts";

/** How long the wrapper may take to write QEMU's identity, in milliseconds; it takes 2 on an idle host. */
const IDENTITY_DEADLINE = 20_000;

export interface Launched {
  readonly child: Child;
  readonly identity: ProcessIdentity;
}

interface LaunchOptions {
  readonly bootId: string;
  readonly group: MachineGroup | null;
  /** Resolves when the wrapper may be started; what it throws is thrown. */
  readonly beforeSpawn: () => Promise<void>;
}

/**
 * Starts QEMU behind its wrapper. The intent is written before anything runs, so that a crash of the agent between the two is
 * seen at its next start.
 * @throws AppError when the wrapper cannot be started or does not say who QEMU is.
 */
export async function launchMachine(
  place: MachinePlace,
  { plan, image }: Prepared,
  { bootId, group, beforeSpawn }: LaunchOptions,
): Promise<Launched> {
  makeSocketDirectory(place, plan);
  const logs = { stdout: place.stdout, stderr: place.stderr };
  return await withMachineFiles(place, async (files) => {
    const giveJournal = (fd: number): void => giveFile(fd, place.user);
    writeNew(files.journalIn, '{"execute":"qmp_capabilities"}\n', 0o600, giveJournal);
    writeNew(files.journalOut, "", 0o600, giveJournal);
    writeIntent(
      { generation: place.generation, ...logs },
      files,
      bootId,
      plan.argv.map(({ word }) => word),
    );
    await beforeSpawn();
    const child = await spawnWrapper(place, files, plan, { image, group, logs });
    try {
      return { child, identity: await waitForIdentity(place, files, { child, bootId }) };
    } catch (error) {
      // It is recorded that nothing runs, and nobody would look after what does.
      await killGroup(child);
      throw error;
    }
  });
}

/** What QEMU gets by descriptor. */
interface Handed {
  readonly image: BootDisk;
  readonly group: MachineGroup | null;
  readonly logs: { readonly stdout: string; readonly stderr: string };
}

/** What QEMU writes by descriptor is opened here; what it opens itself belongs to its user. */
async function spawnWrapper(
  place: MachinePlace,
  files: MachineFiles,
  plan: LaunchPlan,
  { image, group, logs }: Handed,
): Promise<Child> {
  const opened: number[] = [];
  const keep = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  try {
    const stdio: Stdio[] = [
      "ignore",
      keep(openLogFile(logs.stdout, place.user)),
      keep(openLogFile(logs.stderr, place.user)),
      keep(openNew(files.status, 0o600, constants.O_APPEND)),
    ];
    for (const [at, fd] of diskDescriptors(plan, image)) stdio[at] = fd;
    if (group !== null) stdio[CGROUP_FD] = group.procsFd;
    const script = `${limitsFor(place.user)}${WRAPPER}`;
    return await spawn({
      argv: ["/bin/sh", "-c", script, "paddock-machine", ...plan.argv.map((entry) => entry.word)],
      cwd: plan.cwd,
      env: plan.env,
      stdio: Array.from(stdio, (entry) => entry ?? "ignore"),
      detached: true,
      user: place.user ?? undefined,
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

/** Which number each descriptor of the disk has in QEMU. */
function diskDescriptors({ disk }: LaunchPlan, { readWriteFd, readOnlyFd, base }: BootDisk): [number, number][] {
  if (disk === null) return [];
  const wanted: [number | null | undefined, number | null | undefined][] = [
    [disk.readWrite, readWriteFd],
    [disk.readOnly, readOnlyFd],
    [disk.base, base?.readOnlyFd],
  ];
  return wanted.flatMap(([at, fd]): [number, number][] => (at == null || fd == null ? [] : [[at, fd]]));
}

async function waitForIdentity(
  { user }: MachinePlace,
  files: MachineFiles,
  { child, bootId }: { readonly child: Child; readonly bootId: string },
): Promise<ProcessIdentity> {
  const deadline = monotonicMillis() + IDENTITY_DEADLINE;
  let over = false;
  void child.exited.then(() => {
    over = true;
  });
  for (let pause = 1; ; pause = Math.min(pause * 2, 10)) {
    // Read after the flag: what a wrapper that is gone had written is there.
    const ended = over;
    const bytes = readUntrusted(files.status, 4096);
    const status = bytes === undefined ? null : parseStatus(bytes);
    if (status?.pid != null && status.startTime !== null && mayBe(status.pid, user)) {
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

/** A process of another user is not the machine, whatever a file says; one that is gone may have been. */
function mayBe(pid: number, user: MachinePlace["user"]): boolean {
  return user === null || (processUids(pid)?.every((uid) => uid === user.uid) ?? true);
}

/** The sockets' directory, private to QEMU's user; one that a crash left is emptied. */
function makeSocketDirectory(place: MachinePlace, { argv }: LaunchPlan): void {
  removeSockets(place);
  mkdirSync(place.sockets.dir, { recursive: true, mode: 0o700 });
  giveDirectory(place.sockets.dir, place.user);
  symlinkSync(place.sockets.hmp, join(place.dirs.task, "qm.sock"));
  const hasAgent = argv.some(({ origin }) => origin.kind === "job" && origin.attribute === "config.guest_agent");
  if (hasAgent) symlinkSync(place.sockets.guestAgent, join(place.dirs.task, "qa.sock"));
}

/** Removes what a machine leaves in the run directory and the links to it. */
export function removeSockets(place: MachinePlace): void {
  rmSync(place.sockets.dir, { recursive: true, force: true });
  for (const name of ["qm.sock", "qa.sock"]) removeName(join(place.dirs.task, name));
}

/** Removes a link of ours, or whatever but a directory the machine has put in its place. */
function removeName(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!["ENOENT", "EISDIR", "EPERM"].includes(errnoOf(error) ?? "")) throw error;
  }
}
