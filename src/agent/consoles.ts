import type { Allocation } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { MachineConsole, type Seat } from "../console/console.ts";
import type { ConsoleWish, Viewer } from "../console/seat.ts";
import { MACHINE_ENDED } from "../contract/console.ts";
import { indexOfLogFile } from "../logs/read.ts";
import type { LogPosition } from "../logs/stretch.ts";
import { machineSockets, taskDirs } from "../paths.ts";
import type { AgentContext } from "./context.ts";

/** Most viewers of one machine. */
const MOST_VIEWERS = 32;

/** How a viewer wants a console. */
export interface ConsoleRequest {
  readonly readOnly: boolean;
  /** How many of the last lines are shown first. */
  readonly lines: number;
  /** Goes on behind this place of the serial log instead, as a frame told it. */
  readonly from?: { readonly file: string; readonly offset: number } | undefined;
}

/** The consoles that somebody looks at. */
export interface Consoles {
  /**
   * @returns a function that lets the viewer in.
   * @throws AppError `conflict` when the machine has no console, has ended, or has viewers enough; `invalid` for a file that is none.
   */
  open(allocation: () => Allocation, task: string, request: ConsoleRequest): (viewer: Viewer) => Seat;
}

export function createConsoles({ dirs, store, recorder, supervisor, clock, log }: AgentContext): Consoles {
  const viewed = new Map<string, MachineConsole>();
  const find = (key: string, allocation: () => Allocation, task: string): MachineConsole => {
    const { id } = allocation();
    const there = viewed.get(key);
    if (there !== undefined) return there;
    const made: MachineConsole = new MachineConsole({
      task,
      serial: { dirs: taskDirs(dirs, id, task), task, type: "stdout" },
      logged: !isLogDisabled(id, task),
      socket: machineSockets(dirs, id, task).serial,
      openInput: () => supervisor.openSerialInput(id, task),
      allocation,
      changes: recorder.changes,
      clock,
      log: log.named("console"),
      onEmpty: () => {
        if (viewed.get(key) === made) viewed.delete(key);
      },
    });
    viewed.set(key, made);
    return made;
  };
  const isLogDisabled = (id: string, task: string): boolean => {
    const serial = store.lastLaunch(id, task)?.serial;
    return serial?.ours === true && serial.disabled === true;
  };
  return {
    open: (allocation, task, request) => {
      const { id } = allocation();
      const key = `${id}/${task}`;
      assertConsole(allocation(), task, store.lastLaunch(id, task)?.serial);
      if ((viewed.get(key)?.viewers ?? 0) >= MOST_VIEWERS) {
        throw new AppError("conflict", `task "${task}" of ${shortId(id)} has ${MOST_VIEWERS} viewers already`);
      }
      const wish: ConsoleWish = { ...request, from: readPlace(request, task) };
      return (viewer) => find(key, allocation, task).join(viewer, wish);
    },
  };
}

type Serial = { readonly ours: boolean; readonly because?: string } | undefined;

function assertConsole({ id, tasks }: Allocation, task: string, serial: Serial): void {
  const machine = tasks[task]?.machine;
  if (machine?.kind === "ended") {
    throw new AppError("conflict", `${MACHINE_ENDED}: ${machine.ending.message}`, {
      hint: `paddock logs ${shortId(id)} shows what it wrote`,
    });
  }
  if (serial?.ours !== false) return;
  throw new AppError("conflict", `there is no console: args bring a serial port of their own (${serial.because})`, {
    hint: "what it is connected to is up to args; without them paddock connects the serial port",
  });
}

function readPlace({ from }: ConsoleRequest, task: string): LogPosition | null {
  return from === undefined ? null : { index: indexOfLogFile(from.file, task, "stdout"), offset: from.offset };
}
