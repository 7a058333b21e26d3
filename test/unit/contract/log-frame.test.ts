import { expect, test } from "bun:test";
import * as v from "valibot";
import { LogFrameSchema, MAX_FRAME_BYTES, writeLogFrames } from "../../../src/contract/log-frame.ts";

/** Frames without the text between them that JSON arrays would have. */
function splitFrames(text: string) {
  return v.parse(v.array(LogFrameSchema), JSON.parse(`[${text.replaceAll("}{", "},{")}]`));
}

test("a chunk is one frame with its data in base64 and the offset behind it", () => {
  const text = writeLogFrames("alloc/logs/vm.stdout.0", 100, new TextEncoder().encode("booting…\n"));
  expect(splitFrames(text)).toEqual([
    { File: "alloc/logs/vm.stdout.0", Offset: 111, Data: Buffer.from("booting…\n").toString("base64") },
  ]);
});

test("a long chunk becomes frames of at most 64 KiB that join to the same bytes", () => {
  const data = Uint8Array.from({ length: 2 * MAX_FRAME_BYTES + 7 }, (_, at) => (at * 31) % 256);
  const frames = splitFrames(writeLogFrames("f", 5, data));
  expect(frames.map(({ Offset }) => Offset)).toEqual([5 + MAX_FRAME_BYTES, 5 + 2 * MAX_FRAME_BYTES, 5 + data.length]);
  const joined = Buffer.concat(frames.map(({ Data = "" }) => Buffer.from(Data, "base64")));
  expect(joined.equals(Buffer.from(data))).toBe(true);
});

test("a chunk that is a window on a larger buffer gives its own bytes alone", () => {
  const [frame] = splitFrames(writeLogFrames("f", 0, Buffer.from("before-mine-after").subarray(7, 11)));
  expect(Buffer.from(frame?.Data ?? "", "base64").toString()).toBe("mine");
});

test("no data is no frame", () => {
  expect(writeLogFrames("f", 0, new Uint8Array())).toBe("");
});

test("frames of a chunk whose time is known say it, each of them", () => {
  const text = writeLogFrames("f", 0, new Uint8Array(MAX_FRAME_BYTES + 1), { time: 1_500, inferred: true });
  const frames = text.split(/(?<=})/).map((frame) => v.parse(LogFrameSchema, JSON.parse(frame)));
  expect(frames.map(({ Time, Inferred }) => [Time, Inferred])).toEqual([
    [1_500_000_000, true],
    [1_500_000_000, true],
  ]);
  expect(writeLogFrames("f", 0, new Uint8Array(1))).not.toContain("Time");
});
