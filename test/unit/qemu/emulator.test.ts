import { expect, test } from "bun:test";
import type { AppError } from "../../../src/base/errors.ts";
import type { QemuFacts } from "../../../src/node/node.ts";
import { chooseEmulator } from "../../../src/qemu/emulator.ts";
import { refusalOf } from "../../helpers/refusal.ts";

const emulator = (name: string) => ({ name, path: `/usr/bin/qemu-system-${name}`, version: "7.2.22" });
const node: QemuFacts = {
  healthy: true,
  description: "Healthy",
  emulators: [emulator("x86_64"), emulator("aarch64")],
  kvm: { usable: false, reason: "" },
};

const refusal = (name: string, qemu: QemuFacts = node, allowlist: readonly string[] = []): AppError =>
  refusalOf(() => chooseEmulator(name, qemu, allowlist));

test.each(["aarch64", "qemu-system-aarch64"])("%s is found", (name) => {
  expect(chooseEmulator(name, node, []).path).toBe("/usr/bin/qemu-system-aarch64");
  expect(chooseEmulator(name, node, ["aarch64"]).name).toBe("aarch64");
  expect(chooseEmulator(name, node, ["qemu-system-aarch64"]).name).toBe("aarch64");
});

test("an emulator outside emulators_allowlist is refused", () => {
  expect(refusal("aarch64", node, ["x86_64"]).message).toContain('"aarch64" is not an allowed emulator');
});

test("an emulator that this node lacks is refused with the nearest one", () => {
  const error = refusal("x86-64");
  expect(error.code).toBe("unplaceable");
  expect(error.hint).toBe('did you mean "x86_64"?');
});

test("a path is no emulator", () => {
  expect(refusal("../../tmp/evil").code).toBe("unplaceable");
});

test("a node without QEMU is told apart from one without this emulator", () => {
  const error = refusal("x86_64", { ...node, healthy: false, description: "", emulators: [] });
  expect(error.code).toBe("unavailable");
  expect(error.hint).toContain("install");
});
