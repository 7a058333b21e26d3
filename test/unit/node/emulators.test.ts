import { expect, test } from "bun:test";
import { parseQemuVersion, quoteFirstLine, stripPrefix } from "../../../src/node/emulators.ts";

test.each([
  ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright", "7.2.22"],
  ["QEMU emulator version 9.1.50", "9.1.50"],
  ["QEMU emulator version 8.0.4+ds", "8.0.4+"],
  ["QEMU emulator version 8 ", undefined],
  ["version x", undefined],
  ["", undefined],
])("the version in %p is %p", (output, expected) => {
  expect(parseQemuVersion(output)).toBe(expected as string);
});

test("an emulator may be spelled with its prefix", () => {
  expect(stripPrefix("qemu-system-aarch64")).toBe("aarch64");
  expect(stripPrefix("aarch64")).toBe("aarch64");
});

test("what a program printed is quoted short and without control bytes", () => {
  expect(quoteFirstLine("\u001b[31mboo\nmore")).toBe(": \\x1b[31mboo");
  expect(quoteFirstLine("x".repeat(1000))).toHaveLength(202);
  expect(quoteFirstLine(" \n")).toBe("");
});
