import { expect, test } from "bun:test";
import { describeEmulators, parseNames } from "../../../src/node/capabilities.ts";

test("names are the first words of what QEMU lists, without its titles and the machine that is none", () => {
  const machines = `Supported machines are:
microvm              microvm (i386)
pc                   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)
none                 empty machine
pc-i440fx-7.2        Standard PC (i440FX + PIIX, 1996) (default)
pc                   once more
`;
  expect(parseNames(machines)).toEqual(["microvm", "pc", "pc-i440fx-7.2"]);
  expect(parseNames("Accelerators supported in QEMU binary:\ntcg\nkvm\n")).toEqual(["kvm", "tcg"]);
});

test("what is no such list gives no names, and an endless one only so many", () => {
  expect(parseNames("")).toEqual([]);
  expect(parseNames("\u001b[31mred\n -bad\n")).toEqual([]);
  expect(parseNames(Array.from({ length: 5_000 }, (_, at) => `m${at}`).join("\n"))).toHaveLength(1_000);
});

test("each emulator has its version and what it was built with, as far as it was asked", () => {
  const emulator = (name: string, version: string) => ({ name, version, path: `/usr/bin/qemu-system-${name}` });
  const known = new Map([["x86_64", { machines: ["pc", "q35"], accelerators: ["kvm", "tcg"] }]]);
  expect(describeEmulators([emulator("arm", "8.0.0"), emulator("x86_64", "7.2.22")], known)).toEqual({
    "driver.qemu.emulator.arm.version": "8.0.0",
    "driver.qemu.emulator.x86_64.version": "7.2.22",
    "driver.qemu.emulator.x86_64.machines": "pc,q35",
    "driver.qemu.emulator.x86_64.accelerators": "kvm,tcg",
  });
});
