import { describe, expect, test } from "bun:test";
import { decodeKvmResult, encodeKvmResult, explainDevice, probeKvm } from "../../../src/node/kvm.ts";

const subject = { bootId: "boot-1", path: "/usr/bin/qemu-system-x86_64", version: "7.2.22" };
const facts = { usable: false, reason: "guests hang" };

describe("a remembered answer", () => {
  test("comes back as it was", () => {
    expect(decodeKvmResult(encodeKvmResult(facts, subject), subject)).toEqual(facts);
  });

  test.each([{ bootId: "boot-2" }, { path: "/opt/qemu-system-x86_64" }, { version: "8.0.0" }])(
    "holds no more for %p",
    (change) => {
      expect(decodeKvmResult(encodeKvmResult(facts, subject), { ...subject, ...change })).toBeUndefined();
    },
  );

  test.each([undefined, "", "{", "null", "[]", JSON.stringify({ ...subject, usable: "yes", reason: "" })])(
    "that is damaged (%p) is none",
    (text) => {
      expect(decodeKvmResult(text, subject)).toBeUndefined();
    },
  );
});

describe("KVM is not usable without any guest being started", () => {
  const emulator = { name: "x86_64", path: "/nonexistent/qemu", version: "7.2.22" };
  const options = { bootId: "boot-1", device: "/nonexistent/kvm", platform: "linux", arch: "x64" };

  test.each([
    ["on another system", [emulator], { platform: "darwin" }, "this is darwin"],
    ["on another processor", [emulator], { arch: "arm64" }, "KVM on arm64 cannot be tried out yet"],
    ["without an emulator of this processor", [{ ...emulator, name: "aarch64" }], {}, "no qemu-system-x86_64"],
    ["without the device", [emulator], {}, "there is no /nonexistent/kvm: load kvm_intel or kvm_amd"],
  ])("%s, and the reason says so", async (_, emulators, change, reason) => {
    const probe = await probeKvm(emulators, { ...options, ...change });
    expect(probe.remember).toBeNull();
    expect(probe.facts.usable).toBe(false);
    expect(probe.facts.reason).toContain(reason);
  });

  test("without permission the reason names the group", () => {
    expect(explainDevice("/dev/kvm", "EACCES")).toBe(
      "no permission on /dev/kvm: add the user that runs the agent to the group kvm",
    );
    expect(explainDevice("/dev/kvm", "ENODEV")).toBe("/dev/kvm cannot be opened: ENODEV");
  });
});
