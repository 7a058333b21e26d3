import { afterEach, beforeEach } from "bun:test";
import { mkdirSync } from "node:fs";
import type { MachineState } from "../../src/allocation/machine.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { MachineConsole, type Seat } from "../../src/console/console.ts";
import type { ConsoleWish } from "../../src/console/seat.ts";
import { createChangeSignal } from "../../src/events/bus.ts";
import type { MachineUser } from "../../src/node/users.ts";
import { stdoutLog, type TaskDirs, taskDirs } from "../../src/paths.ts";
import { allocation, RUNNING, taskRecord } from "./records.ts";
import { type TempDir, tempDir } from "./temp.ts";
import { type TestViewer, testViewer } from "./viewer.ts";

/** How the machine of a console ended. */
export const ending = {
  reason: "guest-shutdown",
  failed: false,
  exitCode: 0,
  signal: 0,
  at: 0,
  message: "the guest powered off",
  hint: null,
  stop: null,
} as const;

/** What each test of a file has for itself: a machine without a QEMU, whose consoles are opened and looked at. */
export interface ConsoleBench {
  readonly dir: TempDir;
  /** How often a console said that nobody looks any more. */
  readonly emptied: number;
  /** How often the way in was opened. */
  readonly opened: number;
  /** What the machine runs as; null is the user of the tests. */
  user: MachineUser | null;
  /** Where the machine takes its input from. */
  openInput: () => Promise<string>;
  /** The path of a file of the machine's log. */
  readonly log: (index?: number) => string;
  readonly socketPath: () => string;
  /** Puts the machine into another state. */
  readonly become: (next: MachineState) => void;
  readonly open: (logged?: boolean) => MachineConsole;
  readonly join: (console: MachineConsole, wish?: Partial<ConsoleWish>) => TestViewer & { readonly seat: Seat };
}

/** Makes the bench before each test of the file that calls this, and removes it afterwards. */
export function consoleBench(): ConsoleBench {
  const changes = createChangeSignal(1);
  let dir: TempDir;
  let dirs: TaskDirs;
  let machine: MachineState;
  let seats: Seat[];
  let emptied: number;
  let opened: number;

  const bench = {
    get dir() {
      return dir;
    },
    get emptied() {
      return emptied;
    },
    get opened() {
      return opened;
    },
    user: null as MachineUser | null,
    openInput: () => Promise.resolve(dir.file("serial.in")),
    log: (index = 0) => stdoutLog(dirs, "vm", index),
    socketPath: () => dir.file("serial.sock"),
    become: (next: MachineState) => {
      machine = next;
      changes.bump();
    },
    open: (logged = true) =>
      new MachineConsole({
        task: "vm",
        serial: { dirs, task: "vm", type: "stdout" },
        logged,
        socket: bench.socketPath(),
        openInput: () => {
          opened++;
          return bench.openInput();
        },
        allocation: () => allocation({ tasks: { vm: taskRecord(machine, { user: bench.user }) } }),
        changes,
        clock: systemClock,
        log: silentLog,
        onEmpty: () => emptied++,
      }),
    join: (console: MachineConsole, wish: Partial<ConsoleWish> = {}) => {
      const viewer = testViewer();
      const seat = console.join(viewer, { readOnly: false, lines: 50, from: null, ...wish });
      seats.push(seat);
      return Object.assign(viewer, { seat });
    },
  };

  beforeEach(() => {
    dir = tempDir();
    dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
    mkdirSync(dirs.logs, { recursive: true });
    machine = RUNNING;
    seats = [];
    emptied = 0;
    opened = 0;
    bench.user = null;
    bench.openInput = () => Promise.resolve(dir.file("serial.in"));
  });
  afterEach(async () => {
    for (const seat of seats) seat.leave();
    await dir[Symbol.asyncDispose]();
  });
  return bench;
}
