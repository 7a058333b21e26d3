import { describe, expect, test } from "bun:test";
import type { QmpClient } from "../../../src/qmp/client.ts";
import {
  changeSerial,
  cont,
  queryBlockFault,
  querySerial,
  queryStatus,
  quit,
  systemPowerdown,
} from "../../../src/qmp/commands.ts";
import { QmpError } from "../../../src/qmp/errors.ts";

/** A client whose only answer is this one. */
function answering(answer: unknown, sent: string[] = []): QmpClient {
  return {
    closed: false,
    execute: async (command) => {
      sent.push(command);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    close: () => undefined,
  };
}

describe("queryStatus", () => {
  test("gives QEMU's word and whether the guest runs", async () => {
    const answer = { status: "io-error", running: false, singlestep: false };
    expect(await queryStatus(answering(answer), 10)).toEqual({ status: "io-error", running: false });
  });

  test.each([
    ["nothing", null],
    ["a list", []],
    ["no status", {}],
    ["a number as status", { status: 1, running: true }],
    ["control bytes", { status: "run\u001bning", running: true }],
    ["a word without end", { status: "x".repeat(99), running: true }],
  ])("refuses an answer with %s", async (_, answer) => {
    await expect(queryStatus(answering(answer), 10)).rejects.toThrow("not of the form");
  });
});

test("each command goes out under QEMU's name", async () => {
  const sent: string[] = [];
  await systemPowerdown(answering({}, sent), 10);
  await cont(answering({}, sent), 10);
  await quit(answering({}, sent), 10);
  expect(sent).toEqual(["system_powerdown", "cont", "quit"]);
});

/** A client that answers `query-status` and refuses what `refused` names; what it was asked is written down. */
function recording(refused = ""): { readonly client: QmpClient; readonly sent: [string, unknown][] } {
  const sent: [string, unknown][] = [];
  const execute: QmpClient["execute"] = async (command, args) => {
    sent.push([command, args]);
    if (command === refused) throw new QmpError("refused", "no such command");
    return { status: "running", running: true };
  };
  return { client: { ...answering({}), execute }, sent };
}

const backendOf = (sent: readonly [string, unknown][]) => sent.find(([command]) => command === "chardev-change")?.[1];

describe("the serial port", () => {
  test("goes on at another socket, as a server that waits for nobody, and is appended to another log", async () => {
    const { client, sent } = recording();
    await changeSerial(client, { end: { kind: "socket", path: "/run/s" }, logfile: "/data/l" }, 10);
    const addr = { type: "unix", data: { path: "/run/s" } };
    const data = { addr, server: true, wait: false, logfile: "/data/l", logappend: true };
    expect(backendOf(sent)).toEqual({ id: "paddock-serial", backend: { type: "socket", data } });
  });

  test("goes on at a pipe", async () => {
    const { client, sent } = recording();
    await changeSerial(client, { end: { kind: "pipe", path: "/run/s" }, logfile: "/data/l" }, 10);
    const data = { device: "/run/s", logfile: "/data/l", logappend: true };
    expect(backendOf(sent)).toEqual({ id: "paddock-serial", backend: { type: "pipe", data } });
  });

  test("is freed of its viewer before, or a guest that waits for that one would wait for ever", async () => {
    const { client, sent } = recording();
    await changeSerial(client, { end: { kind: "pipe", path: "/run/s" }, logfile: "/data/l" }, 10);
    expect(sent.map(([command]) => command)).toEqual(["yank", "query-status", "chardev-change"]);
    expect(sent[0]?.[1]).toEqual({ instances: [{ type: "chardev", id: "paddock-serial" }] });
  });

  test("is changed also by a QEMU that cannot free it", async () => {
    const { client, sent } = recording("yank");
    await changeSerial(client, { end: { kind: "pipe", path: "/run/s" }, logfile: "/data/l" }, 10);
    expect(backendOf(sent)).toBeDefined();
  });

  const chardev = (label: string, filename: string) => ({ label, filename, "frontend-open": true });
  for (const [answer, kind] of [
    [[chardev("paddock-serial", "pipe")], "pipe"],
    [[chardev("ev", "pipe"), chardev("paddock-serial", "unix:/s,server=on")], "socket"],
    [[chardev("ev", "pipe")], "socket"],
    ["no list", "socket"],
  ] as const) {
    test(`is a ${kind} when QEMU says ${JSON.stringify(answer)}`, async () => {
      expect(await querySerial(answering(answer), 10)).toBe(kind);
    });
  }
});

describe("quit", () => {
  test("is content when the monitor closes before it answers", async () => {
    expect(await quit(answering(new QmpError("disconnected", "gone")), 10)).toBeUndefined();
  });

  test("fails when QEMU does not answer", async () => {
    await expect(quit(answering(new QmpError("timed_out", "late")), 10)).rejects.toThrow("late");
  });
});

describe("the disk for which a guest stands still", () => {
  const ask = (...blocks: object[]) => queryBlockFault(answering(blocks), 10);

  test("is the one that lacks room, or rather the one that lacks more", async () => {
    const ok = { device: "ide1-cd0" };
    const full = { device: "image0", "io-status": "nospace" };
    expect(await ask(ok, { device: "a", "io-status": "ok" }, full)).toEqual({ device: "image0", status: "nospace" });
    expect(await ask(full, { device: "", qdev: "/b", "io-status": "failed" })).toEqual({
      device: "/b",
      status: "failed",
    });
    expect(await ask(ok)).toBeNull();
  });

  test("has no name where QEMU forged one, and an answer of another form is refused", async () => {
    expect(await ask({ device: "a\u001b[2J", "io-status": "nospace" })).toEqual({ device: null, status: "nospace" });
    await expect(queryBlockFault(answering({ blocks: 1 }), 10)).rejects.toThrow("query-block");
  });
});
