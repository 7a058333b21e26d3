import { describe, expect, test } from "bun:test";
import { appendFileSync, symlinkSync, writeFileSync } from "node:fs";
import { consoleBench, ending } from "../../helpers/console-bench.ts";
import { RUNNING } from "../../helpers/records.ts";
import { until } from "../../helpers/until.ts";

const here = consoleBench();
const { become, join, log, open } = here;

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
    expect(here.emptied).toBe(1);
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
    expect([viewer.ended, here.emptied]).toEqual([null, 1]);
  });
});
