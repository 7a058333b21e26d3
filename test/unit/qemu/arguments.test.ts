import { describe, expect, test } from "bun:test";
import { optionsNamed, ownKvm, ownSerial, readArguments } from "../../../src/qemu/arguments.ts";

describe("args are read as QEMU reads them", () => {
  test("one dash or two, values taken as they are, other words as disk images", () => {
    expect(readArguments(["--drive", "-x", "-snapshot", "disk.img"])).toEqual([
      { kind: "option", index: 0, word: "--drive", name: "drive", value: "-x" },
      { kind: "option", index: 2, word: "-snapshot", name: "snapshot", value: null },
      { kind: "image", index: 3, word: "disk.img" },
    ]);
  });

  test("three dashes are no option that QEMU has", () => {
    expect(optionsNamed(readArguments(["---drive", "x"]), "drive")).toEqual([]);
  });

  test("an option at the end has no value", () => {
    expect(readArguments(["-m"])).toEqual([{ kind: "option", index: 0, word: "-m", name: "m", value: null }]);
  });
});

test("a serial port of the user's is told in the user's words", () => {
  expect(ownSerial(readArguments(["-vga", "none", "--serial", "file:log"]))).toBe("--serial file:log");
  expect(ownSerial(readArguments(["-device", "isa-serial,chardev=a"]))).toBe("-device isa-serial,chardev=a");
  expect(ownSerial(readArguments(["-append", "-serial", "-device", "pci-serial,chardev=a"]))).toBeUndefined();
});

test("KVM in args is told in the user's words", () => {
  expect(ownKvm(readArguments(["-enable-kvm"]))).toBe("-enable-kvm");
  expect(ownKvm(readArguments(["-machine", "pc,accel=tcg", "-M", "accel=kvm"]))).toBe("-M accel=kvm");
  expect(ownKvm(readArguments(["-machine", "kvm", "-accel", "tcg,note=kvm"]))).toBeUndefined();
});
