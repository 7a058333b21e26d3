import { describe, expect, test } from "bun:test";
import type { Group } from "../../../src/job/job.ts";
import type { Amounts } from "../../../src/node/node.ts";
import { amountsOf, findShortages, sumClaims, usableOf } from "../../../src/placement/amounts.ts";
import { capacity } from "../../helpers/capacity.ts";

const amounts = (change: Partial<Amounts> = {}): Amounts => ({ cpu: 0, cores: 0, memory: 0, disk: 0, ...change });
const HOST = capacity({ total: { cpu: 4000, cores: 4, memory: 4096, disk: 1000 } });
const group = (size: number, ...resources: { cpu: number; cores: number; memory: number }[]) =>
  ({ ephemeral_disk: { size }, tasks: resources.map((one) => ({ resources: one })) }) as unknown as Group;

describe("a group takes", () => {
  test("what its tasks ask for, and its disk", () => {
    const two = group(300, { cpu: 100, cores: 0, memory: 256 }, { cpu: 200, cores: 0, memory: 128 });
    expect(amountsOf(two, HOST)).toEqual({ cpu: 300, cores: 0, memory: 384, disk: 300 });
  });

  test("the share of the compute that its cores have", () => {
    const taken = amountsOf(group(10, { cpu: 0, cores: 2, memory: 128 }), HOST);
    expect(taken).toEqual({ cpu: 2000, cores: 2, memory: 128, disk: 10 });
  });

  test("no compute where the number of processors is not known", () => {
    const unknown = capacity({ total: amounts() });
    expect(amountsOf(group(10, { cpu: 0, cores: 2, memory: 128 }), unknown)).toMatchObject({ cpu: 0, cores: 2 });
  });
});

test("claims of different places add up, those of one place count as the largest of each amount", () => {
  const claims = [
    { place: "a", amounts: amounts({ memory: 1000, cpu: 100 }) },
    { place: "a", amounts: amounts({ memory: 200, cpu: 400 }) },
    { place: "b", amounts: amounts({ memory: 30, cores: 1 }) },
  ];
  expect(sumClaims(claims)).toEqual({ cpu: 400, cores: 1, memory: 1030, disk: 0 });
  expect(sumClaims([])).toEqual(amounts());
});

test("what is reserved is not for machines, and what is left never less than nothing", () => {
  const reserved = amounts({ cpu: 500, memory: 5000 });
  expect(usableOf({ ...HOST, reserved })).toEqual({ cpu: 3500, cores: 4, memory: 0, disk: 1000 });
});

interface Case {
  readonly what: string;
  readonly reserved?: Partial<Amounts>;
  readonly used?: Partial<Amounts>;
  readonly wanted: Partial<Amounts>;
  readonly lacks: readonly string[];
}

const CASES: readonly Case[] = [
  { what: "all that is left fits", used: { memory: 3072 }, wanted: { memory: 1024 }, lacks: [] },
  {
    what: "one MiB more than is left does not",
    used: { memory: 3072 },
    wanted: { memory: 1025 },
    lacks: ["memory: 1025 MiB needed, 1024 of 4096 MiB free"],
  },
  { what: "what nobody asks for lacks nowhere", used: { cores: 9 }, wanted: { memory: 1 }, lacks: [] },
  {
    what: "cpu lacks",
    used: { cpu: 3950 },
    wanted: { cpu: 100 },
    lacks: ["cpu: 100 MHz needed, 50 of 4000 MHz free"],
  },
  { what: "cores lack", used: { cores: 3 }, wanted: { cores: 2 }, lacks: ["cores: 2 needed, 1 of 4 free"] },
  {
    what: "disk lacks",
    used: { disk: 800 },
    wanted: { disk: 300 },
    lacks: ["disk: 300 MiB needed, 200 of 1000 MiB free"],
  },
  {
    what: "several things lack at once, in one order",
    used: { cpu: 4000, disk: 1000 },
    wanted: { disk: 1, cpu: 1 },
    lacks: ["cpu: 1 MHz needed, 0 of 4000 MHz free", "disk: 1 MiB needed, 0 of 1000 MiB free"],
  },
  {
    what: "what is reserved does not count as free",
    reserved: { memory: 1024 },
    used: { memory: 2048 },
    wanted: { memory: 1025 },
    lacks: ["memory: 1025 MiB needed, 1024 of 3072 MiB free"],
  },
  {
    what: "nothing is free where more runs than the configuration allows by now",
    used: { memory: 9999 },
    wanted: { memory: 1 },
    lacks: ["memory: 1 MiB needed, 0 of 4096 MiB free"],
  },
];

describe("beside what is used,", () => {
  for (const { what, reserved, used, wanted, lacks } of CASES) {
    test(what, () => {
      const found = findShortages({ ...HOST, reserved: amounts(reserved) }, amounts(used), amounts(wanted));
      expect(found.map(({ text }) => text)).toEqual([...lacks]);
      expect(found.map(({ dimension }) => dimension)).toEqual(lacks.map((text) => text.split(":")[0] ?? ""));
      expect(found.some(({ never }) => never)).toBe(false);
    });
  }

  test("what is larger than the host says that it never fits, whatever is used", () => {
    const reserved = amounts({ memory: 96 });
    expect(findShortages({ ...HOST, reserved }, amounts(), amounts({ memory: 4001 }))).toEqual([
      {
        dimension: "memory",
        never: true,
        text: "memory: 4001 MiB needed, this host has 4000 MiB for machines (96 of 4096 are reserved): it can never fit here",
      },
    ]);
    expect(findShortages(HOST, amounts({ cores: 4 }), amounts({ cores: 5 }))[0]?.text).toBe(
      "cores: 5 needed, this host has 4 for machines: it can never fit here",
    );
  });

  test("of the disk it is said that what is free now counts, for there may be more later", () => {
    expect(findShortages(HOST, amounts(), amounts({ disk: 1_000_000 }))[0]).toEqual({
      dimension: "disk",
      never: true,
      text: `disk: 1000000 MiB needed, this host has ${HOST.total.disk} MiB for machines, which is what is free now`,
    });
  });

  test("cpu is not counted where nobody knows how fast the processors are", () => {
    const unknown = capacity({ total: { cpu: 0, cores: 4, memory: 4096, disk: 1000 } });
    expect(findShortages(unknown, amounts({ cpu: 5000 }), amounts({ cpu: 100 }))).toEqual([]);
  });
});
