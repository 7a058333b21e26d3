import { describe, expect, test } from "bun:test";
import { assertImageFree } from "../../../src/agent/image-holder.ts";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { Store } from "../../../src/state/store.ts";

const FILE = { dev: 1, ino: 2 };
const IMAGE = { name: "/images/a.img", identity: FILE };
const WRITES = { image: { path: "/images/a.img", format: "raw", written: FILE } };

/** One other machine. */
function holder(kind: string, written: typeof FILE | undefined): Pick<Store, "liveAllocations" | "lastLaunch"> {
  const machine = { kind, identity: { pid: 77 } };
  return {
    liveAllocations: () =>
      [{ id: "0a1b2c3d-0000", jobId: "other", tasks: { vm: { machine } } }] as unknown as Allocation[],
    lastLaunch: () =>
      ({ image: { path: "/elsewhere/b.img", format: "raw", written } }) as ReturnType<Store["lastLaunch"]>,
  };
}

const own = (plan: Parameters<typeof assertImageFree>[1]["plan"] = WRITES) => ({
  allocation: { id: "own" },
  task: "vm",
  image: IMAGE,
  plan,
});

describe("an image that another machine writes to", () => {
  for (const kind of ["starting", "running", "stopping"]) {
    test(`is refused while that one is ${kind}, under whatever name, with who has it`, () => {
      expect(() => assertImageFree(holder(kind, FILE), own())).toThrow(
        'config.image_path: /images/a.img is the disk of task "vm" of job "other" (allocation 0a1b2c3d, QEMU is process 77), and two machines may not write to one image',
      );
    });
  }
});

describe("an image that is read", () => {
  const READS = { image: { path: "/alloc/disk.qcow2", format: "qcow2", written: { dev: 1, ino: 9 }, read: [FILE] } };
  const reader = (): ReturnType<typeof holder> => ({
    ...holder("running", undefined),
    lastLaunch: () => READS as unknown as ReturnType<Store["lastLaunch"]>,
  });

  test("may be read by others", () => {
    expect(() =>
      assertImageFree(reader(), own({ image: { ...READS.image, written: { dev: 1, ino: 8 } } })),
    ).not.toThrow();
  });

  test("is written to by nobody, and one that is written to is not read", () => {
    expect(() => assertImageFree(reader(), own())).toThrow(
      '/images/a.img is read by task "vm" of job "other" (allocation 0a1b2c3d, QEMU is process 77), and what a machine reads',
    );
    expect(() => assertImageFree(holder("starting", FILE), own(READS))).toThrow(
      '/images/a.img is written to by task "vm" of job "other"',
    );
  });
});

test("an image is free when the other machine has no process, has another file, or writes elsewhere", () => {
  expect(() => assertImageFree(holder("backoff", FILE), own())).not.toThrow();
  expect(() => assertImageFree(holder("running", { dev: 1, ino: 3 }), own())).not.toThrow();
  expect(() => assertImageFree(holder("running", { dev: 2, ino: 2 }), own())).not.toThrow();
  expect(() => assertImageFree(holder("running", undefined), own())).not.toThrow();
});

test("a machine that writes elsewhere, and the next start of the same machine, may have it", () => {
  expect(() => assertImageFree(holder("running", FILE), own({ image: { path: "", format: "raw" } }))).not.toThrow();
  const self = { ...own(), allocation: { id: "0a1b2c3d-0000" } };
  expect(() => assertImageFree(holder("stopping", FILE), self)).not.toThrow();
});
