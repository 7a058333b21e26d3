import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { execUntil } from "../../src/base/exec.ts";
import { createLog } from "../../src/base/log.ts";
import { findEmulators } from "../../src/node/emulators.ts";
import {
  composeNode,
  type FingerprintOptions,
  findHost,
  type NodeConfig,
  withKvm,
} from "../../src/node/fingerprint.ts";
import { probeKvm } from "../../src/node/kvm.ts";
import type { Node } from "../../src/node/node.ts";
import { NO_RESOURCES } from "../helpers/capacity.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";
import { until } from "../helpers/until.ts";

const ID = "0c7fbb3e-2d3f-4bd5-b1f7-5a3d1a0a7a11";
const qemu = Bun.which("qemu-system-x86_64");
const dir = tempPerTest();

/** Puts a shell script on a directory of the fake PATH. */
function addProgram(directory: string, name: string, script: string, mode = 0o755): string {
  mkdirSync(dir.file(directory), { recursive: true });
  const path = dir.file(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, mode);
  return path;
}

const path = (...directories: string[]): string => directories.map((name) => dir.file(name)).join(delimiter);
const printVersion = (version: string): string => `echo "QEMU emulator version ${version} (fake)"`;

function config(change: Partial<NodeConfig> = {}): NodeConfig {
  const plain = { name: "barn", datacenter: "dc1", nodeClass: "c", meta: { rack: "r1" }, emulatorsAllowlist: [] };
  return { ...plain, dataDir: dir.path, dynamicUsers: false, resources: NO_RESOURCES, ...change };
}

async function fingerprintNode(config: NodeConfig, id: string, options?: FingerprintOptions): Promise<Node> {
  return composeNode(config, id, await findHost(config, options));
}

async function waitUntilGone(pid: number): Promise<void> {
  await until(`process ${pid} to be gone`, () => !existsSync(`/proc/${pid}`));
}

describe("emulators on PATH", () => {
  test("the first executable file of a name wins, by its real path", async () => {
    const real = addProgram("elsewhere", "qemu-real", printVersion("8.2.0"));
    mkdirSync(dir.file("a", "qemu-system-dir"), { recursive: true });
    addProgram("a", "qemu-system-plain", printVersion("1.0.0"), 0o644);
    symlinkSync(real, dir.file("a", "qemu-system-x86_64"));
    symlinkSync(dir.file("nowhere"), dir.file("a", "qemu-system-arm"));
    addProgram("a", "qemu-system-bad name", printVersion("1.0.0"));
    addProgram("a", "qemu-img", printVersion("1.0.0"));
    addProgram("b", "qemu-system-x86_64", printVersion("7.0.0"));
    const arm = addProgram("b", "qemu-system-arm", printVersion("7.0.1"));
    addProgram("c", "qemu-system-mips", printVersion("1.0.0"));
    const beside = relative(process.cwd(), dir.file("c"));
    const found = await findEmulators(`${beside}:${path("missing", "a", "b")}:`, []);
    expect(found).toEqual({
      emulators: [
        { name: "arm", path: arm, version: "7.0.1" },
        { name: "x86_64", path: real, version: "8.2.0" },
      ],
      leftOut: [],
    });
  });

  test("a program that hangs, fails, dies or prints junk is left out with its reason", async () => {
    const note = dir.file("pid");
    addProgram("a", "qemu-system-hang", `sleep 60 & echo $! > ${note}; wait`);
    addProgram("a", "qemu-system-fail", "echo 'no such machine' >&2; exit 3");
    addProgram("a", "qemu-system-die", "kill -9 $$");
    addProgram("a", "qemu-system-junk", "head -c 3000000 /dev/zero; printf '\\033[31m'");
    addProgram("a", "qemu-system-mute", ":");
    writeFileSync(dir.file("a", "qemu-system-broken"), "#!/nonexistent/interpreter\n", { mode: 0o755 });
    addProgram("a", "qemu-system-x86_64", printVersion("7.2.22"));
    const found = await findEmulators(path("a"), [], 5_000);
    expect(found.emulators.map(({ name }) => name)).toEqual(["x86_64"]);
    const reasons = Object.fromEntries(found.leftOut.map(({ name, reason }) => [name, reason]));
    expect(Object.keys(reasons)).toEqual(["broken", "die", "fail", "hang", "junk", "mute"]);
    expect(reasons["hang"]).toBe("did not answer --version within 5 s");
    expect(reasons["fail"]).toBe("--version ended with status 3: no such machine");
    expect(reasons["die"]).toBe("--version ended with signal SIGKILL");
    expect(reasons["junk"]).toStartWith("no version in what --version printed: \\x00");
    expect(reasons["mute"]).toBe("no version in what --version printed");
    expect(reasons["broken"]).toMatch(/^cannot be started: E|^--version ended with/);
    await waitUntilGone(Number(readFileSync(note, "utf8")));
  });

  test("only those of the allowlist are started", async () => {
    const note = dir.file("started");
    addProgram("a", "qemu-system-arm", `touch ${note}; ${printVersion("7.0.0")}`);
    addProgram("a", "qemu-system-x86_64", printVersion("7.0.0"));
    const found = await findEmulators(path("a"), ["qemu-system-x86_64"]);
    expect(found.emulators.map(({ name }) => name)).toEqual(["x86_64"]);
    expect(existsSync(note)).toBe(false);
  });
});

describe("fingerprintNode", () => {
  test("describes the node and its driver by Nomad's names", async () => {
    addProgram("a", "qemu-system-aarch64", printVersion("8.0.0"));
    addProgram("a", "qemu-system-x86_64", printVersion("7.2.22"));
    const node = await fingerprintNode(config(), ID, { path: path("a") });
    expect(node).toMatchObject({ id: ID, name: "barn", datacenter: "dc1", nodeClass: "c", nodePool: "default" });
    expect(node.meta).toEqual({ rack: "r1" });
    expect(node.attributes).toMatchObject({
      "driver.qemu": "1",
      "driver.qemu.version": "7.2.22",
      "driver.qemu.emulators": "aarch64,x86_64",
      "kernel.name": process.platform,
    });
    expect(node.attributes["paddock.version"]).toMatch(/^\d+\.\d+\.\d+/);
    expect(node.qemu).toMatchObject({ healthy: true, description: "Healthy", kvm: { usable: false } });
  });

  test("the version is that of the first allowed emulator where x86_64 is not allowed", async () => {
    addProgram("a", "qemu-system-aarch64", printVersion("8.0.0"));
    addProgram("a", "qemu-system-riscv64", printVersion("9.0.0"));
    addProgram("a", "qemu-system-x86_64", printVersion("7.2.22"));
    const emulatorsAllowlist = ["riscv64", "aarch64"];
    const node = await fingerprintNode(config({ emulatorsAllowlist }), ID, { path: path("a") });
    expect(node.attributes["driver.qemu.version"]).toBe("9.0.0");
  });

  test("a node without a name has the host's", async () => {
    const node = await fingerprintNode(config({ name: "" }), ID, { path: path("a") });
    expect(node.name).toBe(node.attributes["unique.hostname"] ?? "");
  });

  test("without QEMU the node is not healthy and says what to install", async () => {
    const node = await fingerprintNode(config(), ID, { path: path("none") });
    expect(node.qemu).toMatchObject({ healthy: false, emulators: [] });
    expect(node.qemu.description).toContain("apt install qemu-system-x86");
    expect(node.attributes["driver.qemu"]).toBeUndefined();
    expect(node.attributes["driver.qemu.version"]).toBeUndefined();
  });

  test("an allowlist that allows nothing here is named", async () => {
    addProgram("a", "qemu-system-x86_64", printVersion("7.2.22"));
    const node = await fingerprintNode(config({ emulatorsAllowlist: ["arm"] }), ID, { path: path("a") });
    expect(node.qemu.description).toContain("emulators_allowlist (arm)");
  });

  test("an emulator that is left out is told in the description and in the log", async () => {
    addProgram("a", "qemu-system-x86_64", printVersion("7.2.22"));
    const bad = addProgram("a", "qemu-system-arm", "exit 1");
    const lines: string[] = [];
    const log = createLog("warn", (line) => lines.push(line));
    const node = await fingerprintNode(config(), ID, { path: path("a"), log });
    expect(node.qemu.healthy).toBe(true);
    expect(node.qemu.description).toBe(`Healthy (left out: ${bad} --version ended with status 1)`);
    expect(lines.join("\n")).toContain(bad);
  });

  test("only a usable KVM is an attribute", async () => {
    const node = await fingerprintNode(config(), ID, { path: path("a") });
    expect(node.attributes["driver.qemu.kvm"]).toBeUndefined();
    const usable = withKvm(node, { usable: true, reason: "" });
    expect(usable.attributes["driver.qemu.kvm"]).toBe("1");
    expect(usable.qemu.kvm.usable).toBe(true);
    expect(withKvm(usable, { usable: false, reason: "gone" }).attributes["driver.qemu.kvm"]).toBeUndefined();
  });

  test.skipIf(qemu === null)("finds the QEMU of this host", async () => {
    const node = await fingerprintNode(config(), ID);
    expect(node.qemu.healthy).toBe(true);
    expect(node.attributes["driver.qemu.version"]).toMatch(/^\d+\.\d+/);
    expect(node.qemu.emulators.map(({ name }) => name)).toContain("x86_64");
  });
});

describe("the KVM probe", () => {
  const here = { bootId: "boot-1", device: "/dev/null", platform: "linux", arch: "x64" };
  const options = () => ({ ...here, deadlineMillis: 30_000 });
  const emulator = (file: string) => ({ name: "x86_64", path: file, version: "7.2.22" });

  test("a guest that printed its banner makes KVM usable, and QEMU is ended", async () => {
    const note = dir.file("pid");
    const file = addProgram("a", "qemu", `echo $$ > ${note}; echo "DEMO GUEST cpus=1"; sleep 60`);
    const probe = await probeKvm([emulator(file)], options());
    expect(probe.facts).toEqual({ usable: true, reason: "" });
    await waitUntilGone(Number(readFileSync(note, "utf8")));
  });

  test("a guest that prints nothing makes it unusable after the deadline, and QEMU is ended", async () => {
    const note = dir.file("pid");
    const file = addProgram("a", "qemu", `echo $$ > ${note}; echo booting; sleep 60`);
    const probe = await probeKvm([emulator(file)], { ...options(), deadlineMillis: 3_000 });
    expect(probe.facts.usable).toBe(false);
    expect(probe.facts.reason).toContain("printed nothing within 3 s under KVM");
    await waitUntilGone(Number(readFileSync(note, "utf8")));
  });

  test("a QEMU that fails says why", async () => {
    const file = addProgram("a", "qemu", "echo 'qemu: Could not access KVM kernel module' >&2; exit 1");
    const { facts } = await probeKvm([emulator(file)], options());
    expect(facts.reason).toBe("QEMU with accel=kvm ended with status 1: qemu: Could not access KVM kernel module");
  });

  test("the answer is remembered until the next boot or another QEMU", async () => {
    const note = dir.file("starts");
    const file = addProgram("a", "qemu", `echo start >> ${note}; echo DEMO GUEST; sleep 60`);
    const starts = () => readFileSync(note, "utf8").trim().split("\n").length;
    const first = await probeKvm([emulator(file)], options());
    const remembered = first.remember ?? "";
    const second = await probeKvm([emulator(file)], { ...options(), remembered });
    expect(second).toEqual(first);
    expect(starts()).toBe(1);
    await probeKvm([emulator(file)], { ...options(), remembered, bootId: "boot-2" });
    expect(starts()).toBe(2);
    await probeKvm([{ ...emulator(file), version: "8.0.0" }], { ...options(), remembered });
    expect(starts()).toBe(3);
  });

  test.skipIf(qemu === null)(
    "the guest prints its banner on the real QEMU when the accelerator works",
    async () => {
      const real = { ...options(), accelerator: "tcg" };
      const { facts } = await probeKvm([emulator(qemu ?? "")], real);
      expect(facts).toEqual({ usable: true, reason: "" });
    },
    30_000,
  );

  test.skipIf(qemu === null)(
    "on this host the real probe gives an answer, with a reason when it is no",
    async () => {
      const { facts } = await probeKvm([emulator(qemu ?? "")], { bootId: "boot-1" });
      expect(facts.usable).toBe(facts.reason === "");
    },
    10_000,
  );
});

describe("a program of the host", () => {
  test("gives files by descriptor, read-only and as long as asked for", async () => {
    const content = new TextEncoder().encode("hello");
    const script = "cat <&3 | wc -c; head -c 5 /proc/self/fd/3; (echo x >&3) 2>/dev/null || echo refused; sleep 60";
    const result = await execUntil(["/bin/sh", "-c", script], {
      deadlineMillis: 10_000,
      until: (stdout) => stdout.includes("refused"),
      files: [{ content, size: 9 }],
    });
    expect(result).toMatchObject({ met: true, exit: null });
    expect(result.stdout.replace(/\s+/g, "")).toBe("9hellorefused");
  });

  test("a program that ends before its output is what was waited for gives its exit", async () => {
    const result = await execUntil(["/bin/sh", "-c", "echo no; exit 4"], {
      deadlineMillis: 10_000,
      until: () => false,
    });
    expect(result).toMatchObject({ met: false, exit: { code: 4, signal: null }, stdout: "no\n" });
  });

  const UNTIL = "execUntil(argv, { deadlineMillis: 600_000, until: () => false })";
  const WATCHED =
    'execWatched(argv, { env: {}, cwd: "/", output: null, look: () => undefined, signal: new AbortController().signal })';
  test.each([
    ["execUntil", UNTIL],
    ["execWatched", WATCHED],
  ])(
    "what %s runs ends with its children, long before its time, when whoever started it was killed",
    async (_, call) => {
      const note = dir.file("pid");
      const source = join(import.meta.dir, "../../src/base/exec.ts");
      const starter = `
      import { execUntil, execWatched } from ${JSON.stringify(source)};
      const argv = ["/bin/sh", "-c", "sleep 600 & echo $! > ${note}.new; mv ${note}.new ${note}; wait"];
      await ${call};
    `;
      const process = Bun.spawn([Bun.argv[0] ?? "bun", "-e", starter], { stdout: "ignore", stderr: "inherit" });
      try {
        await until("the program to say who it is", () => existsSync(note));
        expect(existsSync(`/proc/${readFileSync(note, "utf8").trim()}`)).toBe(true);
      } finally {
        process.kill("SIGKILL");
        await process.exited;
      }
      await waitUntilGone(Number(readFileSync(note, "utf8")));
    },
  );
});
