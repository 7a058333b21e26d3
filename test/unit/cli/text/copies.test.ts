import { expect, test } from "bun:test";
import { byCopy, chooseCopy } from "../../../../src/cli/text/copies.ts";
import type { Allocation } from "../../../../src/client/replies.ts";

/** A machine of job web by `index, status, version`; later ones are younger. */
function machines(...texts: string[]): Allocation[] {
  return texts.map((text, at) => {
    const [index, ClientStatus, version] = text.split(" ");
    const known = { ID: `${at}`, Name: `web.a[${index}]`, TaskGroup: "a", JobVersion: Number(version) };
    return { ...known, ClientStatus, TaskStates: {}, CreateTime: at } as unknown as Allocation;
  });
}

test.each<[what: string, allocations: Allocation[], id: string]>([
  ["the one that runs and not the one that waits for its end", machines("0 running 0", "0 pending 1"), "0"],
  ["the younger of two that run", machines("0 running 0", "0 running 1"), "1"],
  ["the one that is not over", machines("0 pending 0", "0 failed 1"), "0"],
  ["the last of the newest version where all are over", machines("0 failed 1", "0 complete 1", "1 complete 0"), "1"],
])("a job's name alone stands for %s", (_what, allocations, id) => {
  expect(chooseCopy("web", allocations).ID).toBe(id);
});

test("copies are listed by number and not by letter, the older of two of one place first", () => {
  const found = machines("10 running 0", "2 pending 1", "2 running 0").toReversed().toSorted(byCopy);
  expect(found.map(({ ID }) => ID)).toEqual(["1", "2", "0"]);
});
