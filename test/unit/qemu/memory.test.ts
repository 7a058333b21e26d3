import { describe, expect, test } from "bun:test";
import { limitsOf, unlimitedBecause } from "../../../src/qemu/limits.ts";
import { planLaunch } from "../../../src/qemu/plan.ts";
import { launchInput } from "../../helpers/launch-input.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const HOST = { memory: 64 * GIB, frequency: 2_000 };

interface Given {
  readonly memory?: number;
  readonly accelerator?: string;
  readonly cpu?: number;
  readonly cores?: number;
  readonly memory_max?: number;
  readonly hostMemory?: number;
}

function limits(args: readonly string[], given: Given = {}) {
  const { memory = 512, accelerator = "tcg", cpu = 100, cores = 0, memory_max = 0, hostMemory = HOST.memory } = given;
  const plan = planLaunch(
    launchInput({
      config: { args, accelerator },
      resources: { memory, cores },
      kvm: { usable: accelerator === "kvm", reason: "" },
    }),
  );
  const argv = plan.argv.map(({ word }) => word);
  const list = Array.from({ length: cores }, (_, core) => core);
  return limitsOf({ argv, resources: { cpu, cores, memory_max }, cores: list, host: { ...HOST, memory: hostMemory } });
}

const guestOf = (...args: string[]): number | null => {
  const { guestMemory } = limits(args);
  return guestMemory === null ? null : guestMemory / MIB;
};

describe("the memory that a guest can have", () => {
  const cases: readonly [string, string[], number | null][] = [
    ["is resources.memory", [], 512],
    ["is the last -m, in MiB", ["-m", "700"], 700],
    ["is given in any unit of QEMU's", ["-m", "2g"], 2048],
    ["may be a fraction", ["-m", "0.5G"], 512],
    ["has what may be plugged in later", ["-m", "size=1G,slots=2,maxmem=4G"], 4096],
    ["has memory beside it", ["-object", "memory-backend-ram,id=x,size=64M"], 576],
    [
      "has memory beside it that is written in JSON",
      ["-object", '{"qom-type":"memory-backend-file","size":1048576}'],
      513,
    ],
    ["is not counted twice", ["-object", "memory-backend-memfd,id=r,size=512M", "-machine", "memory-backend=r"], 512],
    [
      "is not counted twice under NUMA",
      ["-object", "memory-backend-ram,id=r,size=512M", "-numa", "node,memdev=r"],
      512,
    ],
    ["does not have other objects", ["-object", "iothread,id=t"], 512],
    ["is not known from a file", ["-readconfig", "more.cfg"], null],
    ["is not known from what QEMU will refuse", ["-m", "much"], null],
    ["is not known with a backend of no size", ["-object", "memory-backend-ram,id=x"], null],
  ];
  for (const [what, args, mebibytes] of cases) {
    test(what, () => {
      expect(guestOf(...args)).toBe(mebibytes);
    });
  }
});

describe("a machine's memory limit", () => {
  const overhead = (args: readonly string[], given: Given = {}): number => {
    const { memoryMax, guestMemory } = limits(args, given);
    return ((memoryMax ?? 0) - (guestMemory ?? 0)) / MIB;
  };

  test("is above its guest's memory, by more under TCG, which keeps its translated code", () => {
    expect(overhead([], { accelerator: "kvm" })).toBe(256 + 8 + 48 + 4);
    expect(overhead([])).toBe(256 + 8 + 48 + 4 + 1024 + 32);
    expect(overhead([], { hostMemory: GIB })).toBe(256 + 8 + 48 + 4 + 128 + 32);
  });

  test("has the size that args give the translated code", () => {
    expect(overhead(["-accel", "tcg,tb-size=64"])).toBe(overhead([]) - 1024 + 64);
    expect(overhead(["-accel", "tcg,tb-size=64"], { accelerator: "kvm" })).toBeGreaterThan(
      overhead([], { accelerator: "kvm" }),
    );
  });

  test("grows with processors, disks and displays", () => {
    const plain = overhead([], { accelerator: "kvm" });
    const more = (...args: string[]) => overhead(args, { accelerator: "kvm" }) - plain;
    expect(more("-smp", "4")).toBe(3 * 8);
    expect(more("-smp", "2,sockets=2,cores=2,threads=2")).toBe(7 * 8);
    expect(more("-smp", "1,maxcpus=8")).toBe(7 * 8);
    expect(more("-drive", "file=x.img", "-cdrom", "y.iso")).toBe(2 * 48);
    expect(more("-device", "virtio-gpu-pci")).toBe(320);
    expect(more("-vga", "virtio")).toBe(320);
  });

  test("is raised by memory_max, never lowered, and taken away by -1", () => {
    const needed = limits([]).memoryMax;
    expect(limits([], { memory_max: 600 }).memoryMax).toBe(needed);
    expect(limits([], { memory_max: 8_000 }).memoryMax).toBe(8_000 * MIB);
    expect(limits([], { memory_max: -1 }).memoryMax).toBeNull();
  });

  test("is memory_max alone, or none and told so, where the guest's memory is not known", () => {
    const file = ["-readconfig", "more.cfg"];
    expect(limits(file, { memory_max: 600 }).memoryMax).toBe(600 * MIB);
    const none = limits(file);
    expect(none.memoryMax).toBeNull();
    expect(unlimitedBecause(none, { memory_max: 0 })).toContain("has no memory limit");
    expect(unlimitedBecause(limits(file, { memory_max: -1 }), { memory_max: -1 })).toBeUndefined();
    expect(unlimitedBecause(limits([]), { memory_max: 0 })).toBeUndefined();
  });

  test("is a whole number of bytes for the largest guest", () => {
    expect(limits([], { memory: 4_000_000 }).memoryMax).toSatisfy((bytes) => Number.isSafeInteger(bytes));
  });
});

test("weight and processors are those that the job asked for", () => {
  expect(limits([], { cpu: 1024 })).toMatchObject({ cpuWeight: 39, cores: [], pidsMax: 514 });
  expect(limits(["-smp", "8"], { cpu: 0, cores: 2 })).toMatchObject({ cpuWeight: 153, cores: [0, 1], pidsMax: 528 });
});
