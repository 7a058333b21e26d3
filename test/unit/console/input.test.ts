import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../../src/base/errors.ts";
import { makeFifo } from "../../../src/runtime/fifo.ts";
import { consoleBench, ending } from "../../helpers/console-bench.ts";
import { RUNNING } from "../../helpers/records.ts";
import { until } from "../../helpers/until.ts";

const here = consoleBench();
const { become, join, log, open } = here;

const fifos: number[] = [];

/** QEMU's end of a FIFO. @returns a function that reads what is in it. */
async function makeInput(path = here.dir.file("serial.in")): Promise<() => string> {
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

afterEach(() => {
  for (const fd of fifos.splice(0)) closeSync(fd);
});

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
    expect(here.opened).toBe(1);
  });

  test("is refused from somebody who only reads, and nothing is opened for it", async () => {
    const reader = join(open(), { readOnly: true });
    reader.seat.input(Buffer.from("x"));
    expect(reader.frames.at(-1)).toEqual({ Type: "lost", Bytes: 1, Message: "this viewer only reads" });
    expect(here.opened).toBe(0);
    expect(here.emptied).toBe(0);
    reader.seat.leave();
    expect(here.emptied).toBe(1);
  });

  test("goes where the machine's next start takes it from", async () => {
    const first = await makeInput();
    const { seat } = join(open());
    seat.input(Buffer.from("1"));
    await until("the first byte", () => first() === "1");
    become({ kind: "backoff", generation: 1, ending, until: Date.now() });
    rmSync(here.dir.file("serial.in"));
    const next = await makeInput();
    become(RUNNING);
    await until("the second byte", () => {
      seat.input(Buffer.from("2"));
      return next().startsWith("2");
    });
    expect(first()).toBe("1");
  });

  test("is refused while there is no machine that could hear it", () => {
    become({ kind: "backoff", generation: 1, ending, until: Date.now() + 60_000 });
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
    here.openInput = () => Promise.reject(new Error("the monitor is not connected"));
    const viewer = join(open());
    viewer.seat.input(Buffer.from("lost"));
    await until("the word", () => viewer.frames.at(-1)?.Type === "lost");
    expect(viewer.frames.at(-1)).toEqual({ Type: "lost", Bytes: 4, Message: "the machine takes no input" });
    const received = await makeInput();
    here.openInput = () => Promise.resolve(here.dir.file("serial.in"));
    viewer.seat.input(Buffer.from("there"));
    await until("the next bytes", () => received() === "there");
  });

  test("never goes where a hostile machine's link or file leads to", async () => {
    const received = await makeInput(here.dir.file("other.in"));
    symlinkSync("other.in", here.dir.file("serial.in"));
    const viewer = join(open());
    viewer.seat.input(Buffer.from("secret"));
    await until("the word", () => viewer.frames.at(-1)?.Type === "lost");
    rmSync(here.dir.file("serial.in"));
    writeFileSync(here.dir.file("serial.in"), "");
    viewer.seat.input(Buffer.from("secret"));
    await until("the other word", () => viewer.frames.filter(({ Type }) => Type === "lost").length === 2);
    expect(received()).toBe("");
    expect(readFileSync(here.dir.file("serial.in"), "utf8")).toBe("");
  });
});
