import { expect, test } from "bun:test";
import * as v from "valibot";
import { textOf } from "../../../../src/cli/terminal/style.ts";
import { guestPiece, guestSentence } from "../../../../src/cli/text/guest.ts";
import { TaskStateSchema } from "../../../../src/client/replies.ts";
import { writeTaskState } from "../../../../src/contract/task-state.ts";
import { taskRecord } from "../../../helpers/records.ts";

const Since = Date.UTC(2026, 0, 2, 3, 4, 5) * 1e6;
const standstill = { Device: "image0", Status: "nospace", Since, Held: false } as const;

test("a guest whose disk is full is paused for people, with what comes next", () => {
  const machine = { Guest: "io-error", Standstill: standstill };
  expect(textOf(guestPiece(machine))).toBe("paused: disk full");
  const sentence = textOf(guestSentence(machine));
  expect(sentence).toStartWith("paused: disk full (io-error of image0) since ");
  expect(sentence).toEndWith("; it goes on by itself once there is room on the host's file system");
});

test("one that was paused by command, or whose disk fails, is for people to let go on", () => {
  const held = { Guest: "io-error", Standstill: { ...standstill, Held: true } };
  expect(textOf(guestSentence(held))).toEndWith("it was paused by command too and goes on by paddock vm power resume");
  const failed = { Guest: "io-error", Standstill: { ...standstill, Device: null, Status: "failed" } } as const;
  expect(textOf(guestPiece(failed))).toBe("paused: disk error");
  expect(textOf(guestSentence(failed))).toMatch(/^paused: disk error \(io-error\) since .*resume lets it go on$/);
});

test("what the API says of it is what the client reads", () => {
  const standstill = { device: "image0", status: "nospace", since: 1_000, held: true, told: true } as const;
  const identity = { bootId: "b", pid: 1, startTime: 1 };
  const live = { generation: 1, identity, startedAt: 1, guest: "io-error", standstill, shutdown: null, adopted: false };
  const record = taskRecord({ kind: "running", ...live });
  const { Paddock } = v.parse(TaskStateSchema, JSON.parse(JSON.stringify(writeTaskState(record))));
  expect(Paddock?.Standstill).toEqual({ Device: "image0", Status: "nospace", Since: 1e9, Held: true });
});

test("any other guest is told in QEMU's words", () => {
  expect(textOf(guestPiece({ Guest: "paused", Standstill: null }))).toBe("paused");
  expect(textOf(guestSentence({ Guest: "io-error", Standstill: null }))).toBe("io-error");
  expect(textOf(guestPiece(null))).toBe("-");
});
