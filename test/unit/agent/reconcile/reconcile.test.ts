import { describe, expect, test } from "bun:test";
import type { Reason } from "../../../../src/agent/place/replacement.ts";
import { placesOf, reconcile } from "../../../../src/agent/reconcile/reconcile.ts";
import type { Allocation } from "../../../../src/allocation/allocation.ts";
import { copyOf, groupsJob } from "../../../helpers/copies.ts";

/** The words of what is wrong with a copy; those that are not named are as the job wants them. */
const outdated =
  (...names: string[]) =>
  (one: Allocation): readonly Reason[] =>
    names.includes(shown(one)) ? [{ task: "vm", path: "config.args" }] : [];

const shown = ({ group, index }: { readonly group: string; readonly index: number }): string => `${group}[${index}]`;

/** A copy with the number of the change that made it: `a[0]#3`. */
const numbered = (one: Allocation): string => `${shown(one)}#${one.createIndex}`;

function copies(...names: string[]): Allocation[] {
  return names.map((name, at) => {
    const [, group = "", index = "", made = at] = /^(\w+)\[(\d+)\](?:#(\d+))?$/.exec(name) ?? [];
    return copyOf({ group, index: Number(index), createIndex: Number(made) });
  });
}

interface Case {
  readonly what: string;
  readonly wanted: Readonly<Record<string, number>>;
  readonly has: readonly string[];
  readonly outdated?: readonly string[];
  readonly kept?: readonly string[];
  readonly replaced?: readonly string[];
  readonly created?: readonly string[];
  readonly stopped?: readonly string[];
}

const CASES: readonly Case[] = [
  { what: "nothing there: all are made", wanted: { a: 2, b: 1 }, has: [], created: ["a[0]", "a[1]", "b[0]"] },
  { what: "all there: nothing happens", wanted: { a: 2 }, has: ["a[0]#1", "a[1]#1"], kept: ["a[0]#1", "a[1]#1"] },
  { what: "count = 0 stops all", wanted: { a: 0 }, has: ["a[0]#1", "a[1]#1"], stopped: ["a[1]#1", "a[0]#1"] },
  {
    what: "more are asked for: the missing ones are made",
    wanted: { a: 3 },
    has: ["a[0]#1"],
    kept: ["a[0]#1"],
    created: ["a[1]", "a[2]"],
  },
  {
    what: "fewer are asked for: the highest go first",
    wanted: { a: 1 },
    has: ["a[0]#1", "a[2]#1", "a[1]#1"],
    kept: ["a[0]#1"],
    stopped: ["a[2]#1", "a[1]#1"],
  },
  {
    what: "one in the middle has gone: its place is filled",
    wanted: { a: 3 },
    has: ["a[0]#1", "a[2]#1"],
    kept: ["a[0]#1", "a[2]#1"],
    created: ["a[1]"],
  },
  {
    what: "one group is another: the other one goes on",
    wanted: { a: 2, b: 1 },
    has: ["a[0]#1", "a[1]#1", "b[0]#1"],
    outdated: ["a[0]", "a[1]"],
    kept: ["b[0]#1"],
    replaced: ["a[0]#1", "a[1]#1"],
  },
  {
    what: "a group is gone and another one is new",
    wanted: { b: 1 },
    has: ["a[0]#1"],
    created: ["b[0]"],
    stopped: ["a[0]#1"],
  },
  {
    what: "a place was taken by another one: the older one goes",
    wanted: { a: 1 },
    has: ["a[0]#2", "a[0]#1"],
    kept: ["a[0]#2"],
    stopped: ["a[0]#1"],
  },
  {
    what: "another job file and another count at a time",
    wanted: { a: 2 },
    has: ["a[0]#1", "a[1]#1", "a[2]#1"],
    outdated: ["a[0]", "a[1]", "a[2]"],
    replaced: ["a[0]#1", "a[1]#1"],
    stopped: ["a[2]#1"],
  },
];

describe("a job and what it has", () => {
  test.each([...CASES])("$what", ({ wanted, has, outdated: changed = [], ...expected }) => {
    const found = reconcile(groupsJob(wanted), copies(...has), outdated(...changed));
    const { kept = [], replaced = [], created = [], stopped = [] } = expected;
    expect([
      found.kept.map(numbered),
      found.replaced.map(({ allocation }) => numbered(allocation)),
      found.created.map(shown),
      found.stopped.map(numbered),
    ]).toEqual([kept, replaced, created, stopped].map((names) => [...names]));
  });

  test("every copy that it has is told of once, and every place that it asks for", () => {
    for (const { wanted, has, outdated: changed = [] } of CASES) {
      const job = groupsJob(wanted);
      const all = copies(...has);
      const { kept, replaced, created, stopped } = reconcile(job, all, outdated(...changed));
      const told = [...kept, ...replaced.map(({ allocation }) => allocation)];
      expect([...told, ...stopped].map(numbered).toSorted()).toEqual(all.map(numbered).toSorted());
      expect([...told, ...created].map(shown).toSorted()).toEqual(placesOf(job).map(shown).toSorted());
    }
  });

  test("a place whose run is done is not filled again", () => {
    const { created } = reconcile(groupsJob({ a: 3 }), copies("a[0]"), outdated(), ({ index }) => index === 1);
    expect(created.map(shown)).toEqual(["a[2]"]);
  });
});
