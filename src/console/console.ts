import type { Allocation } from "../allocation/allocation.ts";
import type { MachineState } from "../allocation/machine.ts";
import { type Clock, delay } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { startOfLastLines } from "../base/text.ts";
import { type ConsoleFrame, MAX_INPUT_UNDERWAY } from "../contract/console.ts";
import type { ChangeSignal } from "../events/bus.ts";
import type { LogChunk } from "../logs/chunk.ts";
import { isBefore } from "../logs/moments.ts";
import { readTaskLog } from "../logs/read.ts";
import { endOfLog, type LogPosition, logFileName, type ReadableLog, readStretch } from "../logs/stretch.ts";
import { readLogIndex } from "../paths.ts";
import { SerialInput, type SerialWriter } from "./input.ts";
import { SerialLine } from "./line.ts";
import { describeMachine, isOver, takesInput } from "./machine.ts";
import { type ConsoleWish, MOST_WAITING, Seated, type Viewer } from "./seat.ts";

/** Most bytes of scrollback, however long its lines are. */
const MOST_SCROLLBACK = 64 << 10;
/** Milliseconds that the last bytes of a machine may take through its socket. */
const LAST_BYTES = 1_000;

/** A viewer's place at a console. */
export interface Seat {
  /** What the viewer typed. */
  input(data: Uint8Array): void;
  /** Less waits for the viewer now. */
  drained(): void;
  leave(): void;
}

export interface ConsoleOptions {
  readonly task: string;
  /** The serial log. */
  readonly serial: ReadableLog;
  /** False when QEMU writes no serial log: what the guest writes comes from the socket then. */
  readonly logged: boolean;
  /** Where QEMU listens when it writes no serial log. */
  readonly socket: string;
  /** Gives the FIFO that the machine takes input from when QEMU writes a serial log. */
  readonly openInput: () => Promise<string>;
  readonly allocation: () => Allocation;
  readonly changes: ChangeSignal;
  readonly clock: Clock;
  readonly log: Log;
  /** Nobody looks any more; this console is not used again. */
  readonly onEmpty: () => void;
}

/**
 * One machine's console for all its viewers. What they see comes from the serial log, which QEMU writes itself: it has every byte once
 * and goes on through rotations and restarts. What they type goes into a FIFO, for nobody but QEMU reads that: no viewer can make the
 * guest wait, and nothing typed is lost when the log is rotated.
 */
export class MachineConsole {
  readonly #options: ConsoleOptions;
  readonly #seats = new Set<Seated>();
  readonly #reading = new AbortController();
  /** Up to here the log was handed out. */
  #position: LogPosition | null;
  /** To be told once the log was handed out up to a place. */
  #notices: { readonly frame: ConsoleFrame; readonly after: LogPosition | null }[] = [];
  /** Takes what is typed to the guest; null while nobody has typed. */
  #writer: SerialWriter | null = null;
  /** The same, where output comes from it too. */
  #line: SerialLine | null = null;
  #over = false;

  constructor(options: ConsoleOptions) {
    this.#options = options;
    this.#position = options.logged ? endOfLog(options.serial) : null;
    this.#follow().catch((error: unknown) => this.#fail(error));
    this.#watchMachine().catch((error: unknown) => this.#fail(error));
  }

  get viewers(): number {
    return this.#seats.size;
  }

  /** Shows the viewer what was and from now on what is. */
  join(viewer: Viewer, wish: ConsoleWish): Seat {
    const seated = new Seated(viewer, wish);
    this.#seats.add(seated);
    if (!this.#options.logged) this.#hold();
    viewer.tell(this.#hello(wish));
    this.#catchUp(seated);
    viewer.tell({ Type: "live" });
    const machine = this.#machine();
    if (machine.kind !== "running") viewer.tell(describeMachine(machine, this.#options.clock.now()));
    this.#tellOthers(seated);
    return {
      input: (data) => this.#input(seated, data),
      drained: () => seated.drained(),
      leave: () => this.#leave(seated),
    };
  }

  #hello({ readOnly }: ConsoleWish): ConsoleFrame {
    const { id, jobId } = this.#options.allocation();
    const { task, logged } = this.#options;
    const Machine = this.#machine().kind;
    const Viewers = this.#seats.size;
    return {
      Type: "hello",
      AllocID: id,
      JobID: jobId,
      Task: task,
      Machine,
      ReadOnly: readOnly,
      Logged: logged,
      Viewers,
    };
  }

  /** Everything up to where the others are. */
  #catchUp(seated: Seated): void {
    const to = this.#position;
    if (to === null) return;
    const { viewer, wish } = seated;
    const { serial } = this.#options;
    const most = wish.from === null ? MOST_SCROLLBACK : MOST_WAITING;
    const stretch = readStretch(serial, wish.from, to, most);
    const cut = wish.from === null ? startOfScrollback(stretch.data, wish.lines, stretch.skipped > 0) : 0;
    if (wish.from !== null && stretch.skipped > 0) viewer.tell({ Type: "skipped", Bytes: stretch.skipped });
    // Where the part that is shown begins may be in another file than where the part that was read does: its end is what is told.
    if (stretch.data.length > cut) viewer.output(stretch.data.subarray(cut));
    seated.tellPosition(logFileName(serial, to.index), to.offset);
  }

  async #follow(): Promise<void> {
    if (this.#options.logged) for await (const chunk of this.#chunks()) this.#deliver(chunk);
    else await new Promise((resolve) => this.#reading.signal.addEventListener("abort", resolve));
    if (this.#over) await this.#finish();
  }

  #fail(error: unknown): void {
    this.#options.log.warn("a console broke off", { task: this.#options.task, error: errorText(error) });
    for (const { viewer } of this.#seats) viewer.end("the console broke off; the agent's log says why");
    this.#close();
  }

  #chunks(): AsyncIterable<LogChunk> {
    const { serial, allocation } = this.#options;
    const { signal } = this.#reading;
    const start = this.#position;
    const place = start === null ? { offset: 0 } : { offset: start.offset, file: logFileName(serial, start.index) };
    const query = { type: serial.type, follow: true, origin: "start", signal, ...place } as const;
    return readTaskLog(serial.dirs, serial.task, query, () => isOver(allocation(), serial.task));
  }

  #deliver({ file, offset, data }: LogChunk): void {
    const { serial } = this.#options;
    const index = readLogIndex(file.slice(file.lastIndexOf("/") + 1), serial.task, serial.type) ?? 0;
    this.#position = { index, offset: offset + data.length };
    for (const seated of this.#seats) seated.give(data, { file, offset });
    this.#tellNotices();
  }

  #input(seated: Seated, data: Uint8Array): void {
    const refusal = this.#refuseInput(seated, data.length);
    if (refusal !== null) {
      seated.viewer.tell({ Type: "lost", Bytes: data.length, Message: refusal });
      return;
    }
    seated.underway += data.length;
    this.#hold().write(data, (taken) => {
      seated.underway -= data.length;
      const Bytes = data.length;
      if (taken) seated.viewer.tell({ Type: "taken", Bytes });
      else seated.viewer.tell({ Type: "lost", Bytes, Message: "the machine takes no input" });
    });
  }

  #refuseInput({ wish, underway }: Seated, length: number): string | null {
    if (wish.readOnly) return "this viewer only reads";
    if (!takesInput(this.#machine())) return "the machine does not run";
    return underway + length > MAX_INPUT_UNDERWAY ? "the guest does not read so fast" : null;
  }

  #hold(): SerialWriter {
    if (this.#writer !== null) return this.#writer;
    const { task, socket, logged, openInput, allocation, clock, log } = this.#options;
    if (logged) this.#writer = new SerialInput(openInput, clock, log);
    else {
      const onData = (data: Uint8Array): void => {
        for (const seated of this.#seats) seated.give(data, null);
      };
      const owner = (): number => allocation().tasks[task]?.user?.uid ?? process.getuid?.() ?? 0;
      this.#line = new SerialLine({ path: socket, owner, clock, log, onData });
      this.#writer = this.#line;
    }
    return this.#writer;
  }

  async #watchMachine(): Promise<void> {
    const { changes, clock } = this.#options;
    let known = this.#machine().kind;
    while (!this.#reading.signal.aborted) {
      const { index } = changes;
      const machine = this.#machine();
      if (machine.kind !== known && machine.kind !== "ended") {
        this.#notices.push({ frame: describeMachine(machine, clock.now()), after: this.#end() });
        this.#tellNotices();
      }
      known = machine.kind;
      // Its next start takes input elsewhere.
      if (this.#options.logged && !takesInput(machine)) this.#letGo();
      if (isOver(this.#options.allocation(), this.#options.task)) {
        this.#over = true;
        this.#reading.abort();
      } else await changes.waitAbove(index, this.#reading.signal);
    }
  }

  #end(): LogPosition | null {
    return this.#options.logged ? endOfLog(this.#options.serial) : null;
  }

  /** What the machine had written before its state changed comes first. */
  #tellNotices(): void {
    for (let [next] = this.#notices; next !== undefined; [next] = this.#notices) {
      if (next.after !== null && (this.#position === null || isBefore(this.#position, next.after))) return;
      this.#notices.shift();
      for (const { viewer } of this.#seats) viewer.tell(next.frame);
    }
  }

  async #finish(): Promise<void> {
    if (!this.#options.logged) await Promise.race([this.#line?.disconnected(), delay(LAST_BYTES, this.#options.clock)]);
    const { Message } = describeMachine(this.#machine(), this.#options.clock.now());
    for (const seated of this.#seats) {
      seated.tellSkipped();
      seated.viewer.tell({ Type: "ended", Message });
      seated.viewer.end();
    }
    this.#close();
  }

  #leave(seated: Seated): void {
    if (!this.#seats.delete(seated)) return;
    if (this.#seats.size === 0) this.#close();
    this.#tellOthers(seated);
    if (this.#options.logged && ![...this.#seats].some(({ wish }) => !wish.readOnly)) this.#letGo();
  }

  #letGo(): void {
    this.#writer?.close();
    this.#writer = null;
    this.#line = null;
  }

  #close(): void {
    this.#seats.clear();
    this.#letGo();
    this.#reading.abort();
    this.#options.onEmpty();
  }

  #tellOthers(seated: Seated): void {
    for (const other of this.#seats) {
      if (other !== seated) other.viewer.tell({ Type: "viewers", Viewers: this.#seats.size });
    }
  }

  #machine(): MachineState {
    return this.#options.allocation().tasks[this.#options.task]?.machine ?? { kind: "pending" };
  }
}

/** Scrollback begins with a line: the first one of what was cut somewhere is not whole. */
function startOfScrollback(data: Uint8Array, lines: number, cut: boolean): number {
  return startOfLastLines(data, lines) ?? (cut ? data.indexOf(0x0a) + 1 : 0);
}
