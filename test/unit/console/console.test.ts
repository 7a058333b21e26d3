import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { MachineState } from "../../../src/allocation/machine.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { errnoOf } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import { MachineConsole, type Seat } from "../../../src/console/console.ts";
import type { ConsoleWish } from "../../../src/console/seat.ts";
import { createChangeSignal } from "../../../src/events/bus.ts";
import { stdoutLog, type TaskDirs, taskDirs } from "../../../src/paths.ts";
import { makeFifo } from "../../../src/runtime/fifo.ts";
import { RUNNING, allocation as record, taskRecord } from "../../helpers/records.ts";
import { type TempDir, tempDir } from "../../helpers/temp.ts";
import { until } from "../../helpers/until.ts";
import { type TestViewer, testViewer } from "../../helpers/viewer.ts";

let dir: TempDir;
let dirs: TaskDirs;
let machine: MachineState;
let emptied: number;
const changes = createChangeSignal(1);
let seats: Seat[];
let qemu: FakeSerial | undefined;
let openInput: () => Promise<string>;
let opened: number;

beforeEach(() => {
  dir = tempDir();
  dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "a1", "vm");
  mkdirSync(dirs.logs, { recursive: true });
  machine = RUNNING;
  emptied = 0;
  seats = [];
  opened = 0;
  openInput = () => Promise.resolve(dir.file("serial.in"));
});
afterEach(async () => {
  for (const fd of fifos.splice(0)) closeSync(fd);
  for (const seat of seats) seat.leave();
  qemu?.server.close();
  qemu?.drop();
  qemu = undefined;
  await dir[Symbol.asyncDispose]();
});

const log = (index = 0) => stdoutLog(dirs, "vm", index);
const socketPath = () => dir.file("serial.sock");
const current = (): Allocation => record({ tasks: { vm: taskRecord(machine) } });

function become(next: MachineState): void {
  machine = next;
  changes.bump();
}

const ending = {
  reason: "guest-shutdown",
  failed: false,
  exitCode: 0,
  signal: 0,
  at: 0,
  message: "the guest powered off",
  hint: null,
  stop: null,
} as const;

function open(logged = true): MachineConsole {
  return new MachineConsole({
    task: "vm",
    serial: { dirs, task: "vm", type: "stdout" },
    logged,
    socket: socketPath(),
    openInput: () => {
      opened++;
      return openInput();
    },
    allocation: current,
    changes,
    clock: systemClock,
    log: silentLog,
    onEmpty: () => emptied++,
  });
}

function join(console: MachineConsole, wish: Partial<ConsoleWish> = {}): TestViewer & { seat: Seat } {
  const viewer = testViewer();
  const seat = console.join(viewer, { readOnly: false, lines: 50, from: null, ...wish });
  seats.push(seat);
  return Object.assign(viewer, { seat });
}

interface FakeSerial {
  readonly server: Server;
  readonly connections: Socket[];
  received(): string;
  drop(): void;
}

/** What QEMU does at the other end of a serial port's socket. */
async function listenSerial(path = socketPath()): Promise<FakeSerial> {
  const connections: Socket[] = [];
  let text = "";
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  qemu = {
    server,
    connections,
    received: () => text,
    drop: () => {
      for (const socket of connections) socket.destroy();
    },
  };
  return qemu;
}

describe("what viewers see", () => {
  test("begins with the last lines of the log, over its files, and goes on with what is written", async () => {
    writeFileSync(log(0), "one\ntwo\n");
    writeFileSync(log(1), "three\nlogin: ");
    const console = open();
    const all = join(console);
    const some = join(console, { lines: 2 });
    const none = join(console, { lines: 0 });
    expect([all.text, some.text, none.text]).toEqual(["one\ntwo\nthree\nlogin: ", "three\nlogin: ", ""]);
    appendFileSync(log(1), "root\n");
    for (const viewer of [all, some, none]) await until("the new bytes", () => viewer.text.endsWith("root\n"));
    expect(none.text).toBe("root\n");
  });

  test("is the same for all, each byte once, also over a rotation", async () => {
    writeFileSync(log(0), "a");
    const console = open();
    const viewers = [join(console), join(console, { lines: 0 })] as const;
    for (let index = 0; index < 5; index++) {
      appendFileSync(log(index), `${index}!`);
      writeFileSync(log(index + 1), `then ${index + 1} `);
    }
    const whole = "a0!then 1 1!then 2 2!then 3 3!then 4 4!then 5 ";
    await until("everything", () => viewers[0].text === whole && viewers[1].text === whole.slice(1));
  });

  test("is told with its place in the log whenever that cannot be counted on, and goes on from there for whoever was away", async () => {
    writeFileSync(log(3), "before\n");
    const console = open();
    const viewer = join(console);
    expect(viewer.frames.at(-1)?.Type).toBe("live");
    expect(viewer.frames).toContainEqual({ Type: "position", File: "alloc/logs/vm.stdout.3", Offset: 7 });
    appendFileSync(log(3), "and\n");
    await until("the line", () => viewer.text.endsWith("and\n"));
    expect(viewer.frames.filter(({ Type }) => Type === "position")).toHaveLength(1);
    writeFileSync(log(4), "next\n");
    await until("the next file", () => viewer.text.endsWith("next\n"));
    expect(viewer.frames.at(-1)).toEqual({ Type: "position", File: "alloc/logs/vm.stdout.4", Offset: 0 });
    const back = join(console, { from: { index: 3, offset: 9 } });
    expect(back.text).toBe("d\nnext\n");
  });

  test("of a viewer that was away for too long is the end of what it missed", () => {
    writeFileSync(log(0), Buffer.alloc(400 << 10, "x"));
    const back = join(open(), { from: { index: 0, offset: 0 } });
    expect(back.text.length).toBe(256 << 10);
    expect(back.frames).toContainEqual({ Type: "skipped", Bytes: 144 << 10 });
  });

  test("begins with a whole line where the scrollback was too long", () => {
    writeFileSync(log(0), `${"x".repeat(100 << 10)}\nlast\n`);
    expect(join(open(), { lines: 500 }).text).toBe("last\n");
  });

  test("is left out for a viewer that is too slow, which is told how much; the others miss nothing", async () => {
    writeFileSync(log(0), "");
    const console = open();
    const [slow, fast] = [join(console), join(console)];
    slow.slow = true;
    const piece = "y".repeat(100 << 10);
    for (let times = 1; times <= 6; times++) {
      appendFileSync(log(0), piece);
      await until(`piece ${times}`, () => fast.text.length === times * piece.length);
    }
    expect(slow.text.length).toBeLessThanOrEqual((256 << 10) + (64 << 10));
    slow.backlog = 0;
    slow.slow = false;
    slow.seat.drained();
    const missing = 6 * piece.length - slow.text.length;
    expect(slow.frames.at(-1)).toEqual({ Type: "skipped", Bytes: missing });
    appendFileSync(log(0), "end");
    await until("what is new", () => slow.text.endsWith("yend"));
    expect(slow.frames.at(-1)).toEqual({ Type: "position", File: "alloc/logs/vm.stdout.0", Offset: 6 * piece.length });
  });

  test("comes as soon as there is a log, when the machine has not begun to write", async () => {
    const viewer = join(open());
    writeFileSync(log(0), "hello");
    await until("the first bytes", () => viewer.text === "hello");
    expect(viewer.frames.at(-1)).toEqual({ Type: "position", File: "alloc/logs/vm.stdout.0", Offset: 0 });
  });

  test("never is a file that a hostile machine's link leads to", async () => {
    symlinkSync("/etc/passwd", log(0));
    const viewer = join(open());
    await until("the end", () => viewer.ended !== undefined);
    expect(viewer.ended).toBe("the console broke off; the agent's log says why");
    expect(viewer.text).toBe("");
    expect(emptied).toBe(1);
  });
});

const fifos: number[] = [];

/** QEMU's end of a FIFO. @returns a function that reads what is in it. */
async function makeInput(path = dir.file("serial.in")): Promise<() => string> {
  await makeFifo(path, 0o600);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  fifos.push(fd);
  let text = "";
  return () => {
    const buffer = Buffer.alloc(64 << 10);
    try {
      text += buffer.toString("latin1", 0, readSync(fd, buffer));
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
    }
    return text;
  };
}

describe("what viewers type", () => {
  beforeEach(() => writeFileSync(log(0), ""));

  test("reaches the guest from each of them, and the agent says that it was taken", async () => {
    const received = await makeInput();
    const console = open();
    const [one, other] = [join(console), join(console)];
    one.seat.input(Buffer.from("ab"));
    one.seat.input(Buffer.from("c"));
    await until("the first", () => received() === "abc");
    other.seat.input(Buffer.from("\u0003d"));
    await until("the second", () => received() === "abc\u0003d");
    expect(one.frames.slice(-2)).toEqual([
      { Type: "taken", Bytes: 2 },
      { Type: "taken", Bytes: 1 },
    ]);
    expect(opened).toBe(1);
  });

  test("is refused from somebody who only reads, and nothing is opened for it", async () => {
    const reader = join(open(), { readOnly: true });
    reader.seat.input(Buffer.from("x"));
    expect(reader.frames.at(-1)).toEqual({ Type: "lost", Bytes: 1, Message: "this viewer only reads" });
    expect(opened).toBe(0);
    expect(emptied).toBe(0);
    reader.seat.leave();
    expect(emptied).toBe(1);
  });

  test("goes where the machine's next start takes it from", async () => {
    const first = await makeInput();
    const { seat } = join(open());
    seat.input(Buffer.from("1"));
    await until("the first byte", () => first() === "1");
    become({ kind: "backoff", generation: 1, ending, until: Date.now() });
    rmSync(dir.file("serial.in"));
    const next = await makeInput();
    become(RUNNING);
    await until("the second byte", () => {
      seat.input(Buffer.from("2"));
      return next().startsWith("2");
    });
    expect(first()).toBe("1");
  });

  test("is refused while there is no machine that could hear it", () => {
    machine = { kind: "backoff", generation: 1, ending, until: Date.now() + 60_000 };
    const viewer = join(open());
    expect(viewer.frames).toContainEqual({
      Type: "machine",
      Machine: "backoff",
      Message: expect.stringMatching(/^the guest powered off; it starts again in (59|60) s$/),
    });
    viewer.seat.input(Buffer.from("x"));
    expect(viewer.frames.at(-1)).toEqual({ Type: "lost", Bytes: 1, Message: "the machine does not run" });
  });

  test("waits for a guest that is slow to take it, and does not pile up for one that takes nothing", async () => {
    const received = await makeInput();
    const viewer = join(open());
    const lost = () => viewer.frames.filter(({ Type }) => Type === "lost").length;
    const piece = Buffer.alloc(4 << 10, "z");
    viewer.seat.input(piece);
    await until("the FIFO to be open", () => viewer.frames.at(-1)?.Type === "taken");
    // The FIFO takes 64 KiB, and as much may be underway.
    for (let times = 1; times < 40; times++) viewer.seat.input(piece);
    expect(lost()).toBe(8);
    await until("the rest", () => received().length === 32 * piece.length);
  });

  test("is said to be lost when the machine takes none, and is tried again with what comes next", async () => {
    openInput = () => Promise.reject(new Error("the monitor is not connected"));
    const viewer = join(open());
    viewer.seat.input(Buffer.from("lost"));
    await until("the word", () => viewer.frames.at(-1)?.Type === "lost");
    expect(viewer.frames.at(-1)).toEqual({ Type: "lost", Bytes: 4, Message: "the machine takes no input" });
    const received = await makeInput();
    openInput = () => Promise.resolve(dir.file("serial.in"));
    viewer.seat.input(Buffer.from("there"));
    await until("the next bytes", () => received() === "there");
  });

  test("never goes where a hostile machine's link or file leads to", async () => {
    const received = await makeInput(dir.file("other.in"));
    symlinkSync("other.in", dir.file("serial.in"));
    const viewer = join(open());
    viewer.seat.input(Buffer.from("secret"));
    await until("the word", () => viewer.frames.at(-1)?.Type === "lost");
    rmSync(dir.file("serial.in"));
    writeFileSync(dir.file("serial.in"), "");
    viewer.seat.input(Buffer.from("secret"));
    await until("the other word", () => viewer.frames.filter(({ Type }) => Type === "lost").length === 2);
    expect(received()).toBe("");
    expect(readFileSync(dir.file("serial.in"), "utf8")).toBe("");
  });
});

describe("what viewers are told", () => {
  test("who else looks", () => {
    writeFileSync(log(0), "");
    const console = open();
    const one = join(console);
    expect(one.frames[0]).toMatchObject({ Type: "hello", JobID: "web", Machine: "running", Viewers: 1, Logged: true });
    const other = join(console);
    expect(other.frames[0]).toMatchObject({ Type: "hello", Viewers: 2 });
    expect(one.frames.at(-1)).toEqual({ Type: "viewers", Viewers: 2 });
    other.seat.leave();
    expect(one.frames.at(-1)).toEqual({ Type: "viewers", Viewers: 1 });
  });

  test("that the machine starts again, behind all that it wrote before, and they stay", async () => {
    writeFileSync(log(0), "");
    const viewer = join(open());
    appendFileSync(log(0), "power off\n");
    become({ kind: "backoff", generation: 1, ending, until: Date.now() + 1_000 });
    await until("the word", () => viewer.frames.some((frame) => frame.Type === "machine"));
    expect(viewer.text).toBe("power off\n");
    become(RUNNING);
    await until("the other word", () => viewer.frames.at(-1)?.Type === "machine");
    expect(viewer.frames.at(-1)).toEqual({ Type: "machine", Machine: "running", Message: "the machine runs" });
    appendFileSync(log(0), "again\n");
    await until("its output", () => viewer.text === "power off\nagain\n");
  });

  test("how the machine ended, behind all that it wrote, and that is the end", async () => {
    writeFileSync(log(0), "");
    const viewer = join(open());
    appendFileSync(log(0), "bye");
    become({ kind: "ended", generation: 1, ending, failed: false });
    await until("the end", () => viewer.ended !== undefined);
    expect(viewer.text).toBe("bye");
    expect(viewer.frames.at(-1)).toEqual({ Type: "ended", Message: "the guest powered off" });
    expect([viewer.ended, emptied]).toEqual([null, 1]);
  });
});

test("a console without a serial log goes on when QEMU listens anew, and never at somebody else's socket", async () => {
  const other = await listenSerial(dir.file("other.sock"));
  symlinkSync("other.sock", socketPath());
  const viewer = join(open(false));
  viewer.seat.input(Buffer.from("secret"));
  rmSync(socketPath());
  const own = await listenSerial();
  await until("the machine's own socket", () => own.received() === "secret");
  expect(other.received()).toBe("");
  other.server.close();
});

test("a console without a serial log shows what comes through the socket, to its last byte", async () => {
  const { connections, received } = await listenSerial();
  const viewer = join(open(false));
  expect(viewer.frames[0]).toMatchObject({ Type: "hello", Logged: false });
  await until("the connection", () => connections.length === 1);
  connections[0]?.write("tick 1\n");
  await until("the tick", () => viewer.text === "tick 1\n");
  viewer.seat.input(Buffer.from("x"));
  await until("the key", () => received() === "x");
  connections[0]?.end("power off\n");
  become({ kind: "ended", generation: 1, ending, failed: false });
  await until("the end", () => viewer.ended !== undefined);
  expect(viewer.text).toBe("tick 1\npower off\n");
});
