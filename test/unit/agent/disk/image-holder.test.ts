import { describe, expect, test } from "bun:test";
import { createImageBook, type ImageBook } from "../../../../src/agent/disk/image-holder.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import type { Store } from "../../../../src/state/store.ts";

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

const own = (plan: Parameters<ImageBook["claim"]>[0]["plan"] = WRITES) => ({
  allocation: { id: "own" },
  task: "vm",
  place: { generation: 1 },
  image: IMAGE,
  plan,
});

const claim = (store: ReturnType<typeof holder>, wanted: Parameters<ImageBook["claim"]>[0]): void =>
  createImageBook(store).claim(wanted);

describe("an image that another machine writes to", () => {
  for (const kind of ["starting", "running", "stopping"]) {
    test(`is refused while that one is ${kind}, under whatever name, with who has it`, () => {
      expect(() => claim(holder(kind, FILE), own())).toThrow(
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
    expect(() => claim(reader(), own({ image: { ...READS.image, written: { dev: 1, ino: 8 } } }))).not.toThrow();
  });

  test("is written to by nobody, and one that is written to is not read", () => {
    expect(() => claim(reader(), own())).toThrow(
      '/images/a.img is read by task "vm" of job "other" (allocation 0a1b2c3d, QEMU is process 77), and what a machine reads',
    );
    expect(() => claim(holder("starting", FILE), own(READS))).toThrow(
      '/images/a.img is written to by task "vm" of job "other"',
    );
  });
});

test("an image is free when the other machine has no process, has another file, or writes elsewhere", () => {
  expect(() => claim(holder("backoff", FILE), own())).not.toThrow();
  expect(() => claim(holder("running", { dev: 1, ino: 3 }), own())).not.toThrow();
  expect(() => claim(holder("running", { dev: 2, ino: 2 }), own())).not.toThrow();
  expect(() => claim(holder("running", undefined), own())).not.toThrow();
});

test("a machine that writes elsewhere, and the next start of the same machine, may have it", () => {
  expect(() => claim(holder("running", FILE), own({ image: { path: "", format: "raw" } }))).not.toThrow();
  const self = { ...own(), allocation: { id: "0a1b2c3d-0000" } };
  expect(() => claim(holder("stopping", FILE), self)).not.toThrow();
});

describe("an image that was claimed for a start", () => {
  const machines = (a: object, b: object = { kind: "pending" }): Parameters<typeof createImageBook>[0] => ({
    liveAllocations: () =>
      [
        { id: "aaaaaaaa-0000", jobId: "a", tasks: { vm: { machine: a } } },
        { id: "bbbbbbbb-0000", jobId: "b", tasks: { vm: { machine: b } } },
      ] as unknown as Allocation[],
    lastLaunch: () => undefined,
  });
  const wanted = (id: string, generation = 1) => ({
    ...own(),
    allocation: { id: `${id}-0000` },
    place: { generation },
  });

  test("is refused to another one before the first has a process, with who is going to have it", () => {
    const book = createImageBook(machines({ kind: "pending" }));
    book.claim(wanted("aaaaaaaa"));
    book.claim(wanted("aaaaaaaa"));
    expect(() => book.claim(wanted("bbbbbbbb"))).toThrow(
      'is the disk of task "vm" of job "a" (allocation aaaaaaaa, about to start), and two machines may not write to one image',
    );
  });

  test("is free once that start has come to nothing, and not while a later one has claimed it", () => {
    const state = { kind: "preparing", generation: 2 };
    const book = createImageBook(machines(state));
    book.claim(wanted("aaaaaaaa", 2));
    expect(() => book.claim(wanted("bbbbbbbb"))).toThrow("about to start");
    for (const later of [{ kind: "backoff" }, { kind: "preparing", generation: 3 }, { kind: "ended" }]) {
      Object.assign(state, later);
      expect(() => book.claim(wanted("bbbbbbbb"))).not.toThrow();
    }
  });

  test("and refused, is not claimed by who asked", () => {
    const first = { kind: "preparing", generation: 1 };
    const book = createImageBook(machines(first));
    book.claim(wanted("aaaaaaaa"));
    expect(() => book.claim(wanted("bbbbbbbb"))).toThrow("about to start");
    expect(() => book.claim(wanted("aaaaaaaa"))).not.toThrow();
  });
});
