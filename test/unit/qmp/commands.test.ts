import { describe, expect, test } from "bun:test";
import type { QmpClient } from "../../../src/qmp/client.ts";
import { changeSerial, cont, queryStatus, quit, systemPowerdown } from "../../../src/qmp/commands.ts";
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

test("the serial port goes on at another socket, as a server that waits for nobody, and is appended to another log", async () => {
  const sent: unknown[] = [];
  const client: QmpClient = { ...answering({}), execute: async (command, args) => sent.push(command, args) };
  await changeSerial(client, { socket: "/run/s", logfile: "/data/l" }, 10);
  expect(sent).toEqual([
    "chardev-change",
    {
      id: "paddock-serial",
      backend: {
        type: "socket",
        data: {
          addr: { type: "unix", data: { path: "/run/s" } },
          server: true,
          wait: false,
          logfile: "/data/l",
          logappend: true,
        },
      },
    },
  ]);
});

describe("quit", () => {
  test("is content when the monitor closes before it answers", async () => {
    expect(await quit(answering(new QmpError("disconnected", "gone")), 10)).toBeUndefined();
  });

  test("fails when QEMU does not answer", async () => {
    await expect(quit(answering(new QmpError("timed_out", "late")), 10)).rejects.toThrow("late");
  });
});
