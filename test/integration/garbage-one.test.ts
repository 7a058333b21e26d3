import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { allocsDir } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { endedId, putEnded } from "../helpers/ended.ts";
import { machineOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);
const left = (): string[] => readdirSync(allocsDir(bed.dirs)).toSorted();

test("one ended allocation goes when somebody asks for it, and no other", async () => {
  const ids = putEnded(bed.dirs, { count: 3 });
  await bed.start();
  const outcome = await bed.agent.garbage.collectOne(endedId(1), { discard: false });
  expect(outcome).toMatchObject({ removed: [{ allocationId: endedId(1), reason: "asked" }], kept: [], troubles: [] });
  expect(left()).toEqual([endedId(0), endedId(2)]);
  expect(bed.agent.allocations({}).map(({ id }) => id)).toEqual(ids.filter((id) => id !== endedId(1)));
  await expect(bed.agent.garbage.collectOne(endedId(1), { discard: false })).rejects.toThrow(
    expect.objectContaining({ code: "not_found", hint: expect.stringContaining("by garbage collection (asked)") }),
  );
});

test("the last allocation of a job that was not stopped stays, and it is said why", async () => {
  putEnded(bed.dirs, { count: 2 });
  await bed.start();
  await expect(bed.agent.garbage.collectOne(endedId(1), { discard: true })).rejects.toThrow(
    expect.objectContaining({
      code: "conflict",
      message: "allocation 00000001 stays: it is the last one of its job, which was not stopped",
      hint: "stop the job first",
    }),
  );
  expect(left()).toEqual([endedId(0), endedId(1)]);
});

test("an allocation whose guest has written to its disk stays until somebody discards that", async () => {
  putEnded(bed.dirs, { count: 2, disks: true });
  await bed.start();
  await expect(bed.agent.garbage.collectOne(endedId(0), { discard: false })).rejects.toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/ stays: a guest has written to \S+, which is kept until 2\S+Z$/),
    }),
  );
  await bed.agent.garbage.collectOne(endedId(0), { discard: true });
  expect(left()).toEqual([endedId(1)]);
});

test("an allocation that has not ended stays", async () => {
  await bed.start();
  await bed.submit();
  await machineOf(bed.agent, "running");
  const [running] = bed.agent.allocations({});
  await expect(bed.agent.garbage.collectOne(running?.id ?? "", { discard: true })).rejects.toThrow("has not ended");
});

test("a job that has ended already and is purged with its disks is gone at once, not at the next look", async () => {
  putEnded(bed.dirs, { count: 2, disks: true });
  await bed.start({ garbage: { intervalMillis: 3_600_000 } });
  // The first look of an agent comes by itself, and is over by then.
  await bed.agent.garbage.collect({ discard: false });
  expect(left()).toHaveLength(2);
  await bed.agent.deregisterJob("web", { purge: true, discard: true });
  await until("its allocations to be gone", () => left().length === 0);
});
