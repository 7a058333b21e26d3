import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createLog } from "../../src/base/log.ts";
import { readConfiguration } from "../../src/config/effective.ts";
import { findNodeFacts } from "../../src/daemon/node-facts.ts";
import type { NodeFacts } from "../../src/daemon/node-watch.ts";
import { createRecorder } from "../../src/state/recorder.ts";
import { openStore } from "../../src/state/store.ts";
import { manualClock } from "../helpers/manual-clock.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";
import { until } from "../helpers/until.ts";

const dir = tempPerTest();
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

const DEMO = 'case "$*" in *-serial*) echo "DEMO GUEST cpus=1"; sleep 60;; esac';

/** Replaces an emulator as a package does: another file under the same name. */
function install(name: string, version: string, more = ""): void {
  mkdirSync(dir.file("bin"), { recursive: true });
  const script = `#!/bin/sh
${more}
case "$1" in
  --version) echo "QEMU emulator version ${version} (fake)";;
  -machine) [ "$2" = help ] && printf 'Supported machines are:\\npc\\n${name}-${version}\\n';;
  -accel) printf 'Accelerators supported in QEMU binary:\\ntcg\\nkvm\\n';;
esac
${DEMO}
`;
  writeFileSync(dir.file("new"), script);
  chmodSync(dir.file("new"), 0o755);
  renameSync(dir.file("new"), dir.file("bin", `qemu-system-${name}`));
}

async function watch() {
  mkdirSync(dir.file("bin"), { recursive: true });
  writeFileSync(
    dir.file("agent.hcl"),
    'name = "barn"\nclient {\n  node_class = "virtual"\n  meta {\n    rack = "r1"\n  }\n}\n',
  );
  const flags = { config: dir.file("agent.hcl"), dataDir: dir.path, runDir: dir.path, logLevel: undefined };
  const config = readConfiguration(flags, { uid: 0, env: {} }, () => undefined);
  const store = openStore(dir.file("store.db"));
  const lines: string[] = [];
  const clock = manualClock();
  let [told, rests] = [0, 0];
  const facts: NodeFacts = await findNodeFacts(config, {
    ...{ store, recorder: createRecorder(store), clock, bootId: "boot-1", pool: null, attributes: {} },
    log: createLog("info", (line) => lines.push(line)),
    path: dir.file("bin"),
    kvmDevice: dir.file("kvm"),
    rest: async () => void rests++,
  });
  facts.whenChanged(() => told++);
  open.push(async () => {
    await facts.close();
    store.close();
  });
  return {
    facts,
    clock,
    lines,
    attribute: (name: string) => facts.current().attributes[name],
    told: () => told,
    rests: () => rests,
  };
}

describe("the node", () => {
  test("has what each emulator was built with, and class and meta from the configuration", async () => {
    install("arm", "8.0.0");
    install("x86_64", "7.2.22");
    const { facts, attribute } = await watch();
    await facts.complete;
    expect(facts.current()).toMatchObject({ name: "barn", nodeClass: "virtual", meta: { rack: "r1" } });
    expect(attribute("driver.qemu.emulators")).toBe("arm,x86_64");
    expect(attribute("driver.qemu.emulator.arm.version")).toBe("8.0.0");
    expect(attribute("driver.qemu.emulator.x86_64.machines")).toBe("pc,x86_64-7.2.22");
    expect(attribute("driver.qemu.emulator.x86_64.accelerators")).toBe("kvm,tcg");
    expect(attribute("nomad.advertise.address")).toBe(`unix://${dir.path}/api.sock`);
  });

  test("has another QEMU at the next look after one was installed, upgraded or removed", async () => {
    const { facts, attribute, told, lines } = await watch();
    await facts.complete;
    expect(facts.current().qemu.healthy).toBe(false);
    install("x86_64", "7.2.22");
    await facts.look();
    expect(facts.current().qemu.healthy).toBe(true);
    expect(attribute("driver.qemu.version")).toBe("7.2.22");
    install("x86_64", "9.2.0");
    await facts.look();
    expect(attribute("driver.qemu.emulator.x86_64.machines")).toBe("pc,x86_64-9.2.0");
    expect(told()).toBe(2);
    expect(lines.at(-1)).toContain(
      "driver.qemu.emulator.x86_64.machines, driver.qemu.emulator.x86_64.version, driver.qemu.version",
    );
    rmSync(dir.file("bin", "qemu-system-x86_64"));
    await facts.look();
    expect(attribute("driver.qemu")).toBeUndefined();
    expect(facts.current().qemu.description).toContain("apt install qemu-system-x86");
  });

  test("is looked at again by itself, and a look that finds nothing new starts no program", async () => {
    install("x86_64", "7.2.22", `echo "$1" >> ${dir.file("asked")}`);
    const { facts, clock, attribute, rests } = await watch();
    await facts.complete;
    const asked = await Bun.file(dir.file("asked")).text();
    await facts.look();
    expect(await Bun.file(dir.file("asked")).text()).toBe(asked);
    install("x86_64", "8.0.0");
    clock.advance(60_100);
    await until("the next look", () => attribute("driver.qemu.version") === "8.0.0");
    install("x86_64", "9.0.0");
    await until("the timer of the look behind it", () => clock.waiting > 0);
    expect(rests()).toBe(1);
    clock.advance(60_100);
    await until("the look behind it", () => attribute("driver.qemu.version") === "9.0.0");
  });

  test("asks an emulator again that was left out, because its package was half unpacked", async () => {
    install("x86_64", "7.2.22", `[ -e ${dir.file("library")} ] || { echo "no such library" >&2; exit 127; }`);
    const { facts, attribute, lines } = await watch();
    await facts.complete;
    expect(facts.current().qemu.description).toContain("no such library");
    await facts.look();
    writeFileSync(dir.file("library"), "");
    for (let looks = 0; looks < 2; looks++) await facts.look();
    expect(attribute("driver.qemu.version")).toBe("7.2.22");
    expect(lines.filter((line) => line.includes("emulator left out"))).toHaveLength(1);
  });

  test("keeps the room of its start, although the free disk is told as it is", async () => {
    const { facts, attribute } = await watch();
    await facts.complete;
    const { capacity } = facts.current();
    writeFileSync(dir.file("large"), new Uint8Array(8 << 20));
    const before = attribute("unique.storage.bytesfree");
    await until("the free room to be told anew", async () => {
      writeFileSync(dir.file("large"), new Uint8Array(8 << 20), { flag: "a", flush: true });
      await facts.look();
      return attribute("unique.storage.bytesfree") !== before;
    });
    expect(facts.current().capacity).toEqual(capacity);
  });

  test.skipIf(process.arch !== "x64" || process.platform !== "linux")(
    "has KVM once its device is there, and not when it is gone again",
    async () => {
      install("x86_64", "7.2.22");
      const { facts, attribute } = await watch();
      await facts.complete;
      expect(facts.current().qemu.kvm.reason).toContain("load kvm_intel or kvm_amd");
      writeFileSync(dir.file("kvm"), "");
      await facts.look();
      expect(attribute("driver.qemu.kvm")).toBe("1");
      rmSync(dir.file("kvm"));
      await facts.look();
      expect(attribute("driver.qemu.kvm")).toBeUndefined();
    },
  );

  test("is not waited for by an agent that ends while an emulator does not say its version", async () => {
    const { facts, clock } = await watch();
    await facts.complete;
    install("x86_64", "7.2.22", `touch ${dir.file("asked")}; while [ ! -e ${dir.file("go")} ]; do sleep 0.1; done`);
    let isOver = false;
    const looking = facts.look().finally(() => {
      isOver = true;
    });
    await until("the emulator to be asked", () => existsSync(dir.file("asked")));
    const closing = facts.close();
    await until("the end to wait", () => clock.waiting > 0);
    clock.advance(1_000);
    await closing;
    expect(isOver).toBe(false);
    writeFileSync(dir.file("go"), "");
    await looking;
    expect(facts.current().qemu.healthy).toBe(false);
  });

  test("is given up at once when the agent ends while an emulator says nothing", async () => {
    install("x86_64", "7.2.22", '[ "$1" = -machine ] && sleep 60');
    const { facts } = await watch();
    await facts.close();
    expect(facts.current().attributes["driver.qemu.version"]).toBe("7.2.22");
  });
});
