import { expect, test } from "bun:test";
import { readTarHeader } from "../../../src/archive/tar/header.ts";
import { headerOf, paddingOf } from "../../../src/bundle/layout.ts";

const CREATED = "2026-01-02T03:04:05.000Z";

test.each([0, 1, 511, 8 ** 11 - 1, 8 ** 11, 16 * 2 ** 40])("the header of a member of %p bytes says so", (bytes) => {
  const header = readTarHeader(headerOf("artifacts/0-x", bytes, CREATED));
  expect(header).toMatchObject({ size: bytes, type: "0", mode: 0o644, mtime: Date.parse(CREATED) / 1000 });
  expect(header?.name.toString()).toBe("artifacts/0-x");
});

test("a program may be run by everybody", () => {
  expect(readTarHeader(headerOf("bin/paddock", 1, CREATED))?.mode).toBe(0o755);
});

test("members begin at whole blocks", () => {
  expect([0, 1, 511, 512, 513].map((bytes) => paddingOf(bytes).length)).toEqual([0, 511, 1, 0, 511]);
});
