import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copiesBed } from "../helpers/copies-bed.ts";
import { kill } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const { bed, all, live, stateOf, jobOf, running, submit } = copiesBed();
const CHANGED = 'args = ["-smp", "2"]';
const pids = (machines: Awaited<ReturnType<typeof running>>): Record<string, number> =>
  Object.fromEntries(Object.entries(machines).map(([name, { pid }]) => [name, pid]));

describe("copies of a group", () => {
  test("run side by side, each by its name, and one that dies is started again without the others", async () => {
    await submit(jobOf({ a: { count: 3 } }, 'attempts = 3\n delay = "0s"\n interval = "1h"'));
    const before = await running("a[0]", "a[1]", "a[2]");
    const byIndex = live().toSorted((a, b) => a.index - b.index);
    expect(byIndex.map(({ index, name, previousAllocation }) => [index, name, previousAllocation])).toEqual([
      [0, "web.a[0]", undefined],
      [1, "web.a[1]", undefined],
      [2, "web.a[2]", undefined],
    ]);
    const victim = before["a[1]"];
    kill(victim?.pid ?? 0);
    await until("the machine to be started again", () => {
      const machine = live()
        .filter(({ id }) => id === victim?.id)
        .map(stateOf)[0];
      return machine?.kind === "running" && machine.generation === 2;
    });
    const after = await running("a[0]", "a[1]", "a[2]");
    expect(pids(after)).toEqual({ ...pids(before), "a[1]": expect.any(Number) });
    expect(after["a[1]"]?.pid).not.toBe(victim?.pid);
  });

  test("become fewer and more without the ones that stay: the highest go first, the lowest free places are filled", async () => {
    await submit(jobOf({ a: { count: 3 } }));
    const three = await running("a[0]", "a[1]", "a[2]");
    await submit(jobOf({ a: { count: 1 } }));
    const one = await running("a[0]");
    expect(one["a[0]"]).toEqual({ ...three["a[0]"], version: 1 } as never);
    await submit(jobOf({ a: { count: 2 } }));
    const two = await running("a[0]", "a[1]");
    expect(two["a[0]"]).toEqual({ ...three["a[0]"], version: 2 } as never);
    const again = live().find(({ index }) => index === 1);
    expect(again?.previousAllocation).toBe(three["a[1]"]?.id);
    await submit(jobOf({ a: { count: 0 } }));
    await running();
  });

  test("of a changed job are replaced one after the other, each once the one before runs", async () => {
    await submit(jobOf({ a: { count: 3 } }));
    await running("a[0]", "a[1]", "a[2]");
    const { job } = await submit(jobOf({ a: { count: 3, config: CHANGED } }));
    expect(job.rollout?.places.map(({ index }) => index)).toEqual([1, 2]);
    await until("all to be of the new version", () => bed.agent.job("web").rollout === undefined);
    const after = await running("a[0]", "a[1]", "a[2]");
    expect(Object.values(after).map(({ version }) => version)).toEqual([1, 1, 1]);
    const second = all().filter(({ jobVersion }) => jobVersion === 1);
    expect(second.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(second.map(({ createIndex }) => createIndex)).size).toBe(3);
  });

  test("of a changed job whose first one fails go on as they were, and the next change begins anew", async () => {
    await submit(jobOf({ a: { count: 3 } }));
    const before = await running("a[0]", "a[1]", "a[2]");
    await submit(jobOf({ a: { count: 3, config: 'args = ["-no-such-option"]' } }));
    await until("the first of the new version to have failed", () => live().length === 2);
    expect(pids(await running("a[1]", "a[2]"))).toEqual({
      "a[1]": before["a[1]"]?.pid ?? 0,
      "a[2]": before["a[2]"]?.pid ?? 0,
    });
    await submit(jobOf({ a: { count: 3 } }));
    const after = await running("a[0]", "a[1]", "a[2]");
    expect(after).toMatchObject({ "a[0]": { version: 2 }, "a[1]": { version: 2, pid: before["a[1]"]?.pid ?? 0 } });
    expect(bed.agent.job("web").rollout).toBeUndefined();
  });
});

test("copies of a changed job are replaced once the checks of the one before succeed, and not while they do not", async () => {
  const PORT = 'network {\n port "http" {\n to = 80\n }\n }';
  const CHECK = 'check {\n type = "tcp"\n interval = "1s"\n timeout = "1s"\n }';
  const SERVICE = `service {\n provider = "nomad"\n port = "http"\n ${CHECK}\n }`;
  await submit(jobOf({ a: { count: 2, group: PORT } }));
  const before = await running("a[0]", "a[1]");
  await submit(jobOf({ a: { count: 2, group: `${PORT}\n${SERVICE}`, config: CHANGED } }));
  const statusOf = (): string | undefined => {
    const [first] = live().filter(({ jobVersion, index }) => jobVersion === 1 && index === 0);
    return first === undefined ? undefined : bed.agent.checks(first.id)[0]?.state.status;
  };
  // Nobody listens in the guest.
  await until("the check of the first to have failed", () => statusOf() === "failure", { deadline: 30_000 });
  expect(bed.agent.job("web").rollout?.places).toEqual([{ group: "a", index: 1 }]);
  expect((await running("a[0]", "a[1]"))["a[1]"]).toEqual({ ...before["a[1]"], version: 0 } as never);
  await submit(jobOf({ a: { count: 2, group: PORT, config: CHANGED } }));
  await until("both to be of the last version", () => bed.agent.job("web").rollout === undefined);
  const after = await running("a[0]", "a[1]");
  expect(Object.values(after).map(({ version }) => version)).toEqual([2, 2]);
});

describe("what is kept of copies", () => {
  const STICKY = "ephemeral_disk {\n sticky = true\n }";

  test("is the disk of each, which moves along to what takes the same place and no other", async () => {
    await submit(jobOf({ a: { count: 2, group: STICKY } }));
    const before = await running("a[0]", "a[1]");
    await submit(jobOf({ a: { count: 2, group: STICKY, config: CHANGED } }));
    await until("both to be of the new version", () => bed.agent.job("web").rollout === undefined);
    const after = await running("a[0]", "a[1]");
    for (const name of ["a[0]", "a[1]"]) {
      const { previousAllocation, tasks } = bed.agent.allocation(after[name]?.id ?? "");
      const old = before[name]?.id ?? "";
      expect(previousAllocation).toBe(old);
      const told = tasks["vm"]?.events.map(({ message }) => message).join("\n");
      expect(told).toContain(`it moved along from allocation ${old.slice(0, 8)}`);
    }
  });

  test("is the last of each that is asked for, whatever garbage collection takes", async () => {
    await submit(jobOf({ a: { count: 3, group: "ephemeral_disk {\n sticky = false\n }" } }));
    const before = await running("a[0]", "a[1]", "a[2]");
    for (const { pid } of Object.values(before)) kill(pid);
    await running();
    expect((await bed.agent.garbage.collect({ discard: true })).removed).toEqual([]);
    await submit(jobOf({ a: { count: 1, group: "ephemeral_disk {\n sticky = false\n }" } }));
    await running("a[0]");
    const then = await bed.agent.garbage.collect({ discard: true });
    expect(then.removed.map(({ allocationId }) => allocationId).toSorted()).toEqual(
      Object.values(before)
        .map(({ id }) => id)
        .toSorted(),
    );
  });
});

describe("groups of a job", () => {
  test("change, come and go without each other", async () => {
    await submit(jobOf({ a: {}, b: { count: 2 } }));
    const before = await running("a[0]", "b[0]", "b[1]");
    await submit(jobOf({ a: { config: CHANGED }, b: { count: 2 } }));
    await until("the changed one to be replaced", () => live().every(({ jobVersion }) => jobVersion === 1));
    const after = await running("a[0]", "b[0]", "b[1]");
    expect(after["a[0]"]?.pid).not.toBe(before["a[0]"]?.pid);
    expect([after["b[0]"]?.pid, after["b[1]"]?.pid]).toEqual([before["b[0]"]?.pid, before["b[1]"]?.pid]);
    await submit(jobOf({ b: { count: 2 }, c: {} }));
    const gone = await running("b[0]", "b[1]", "c[0]");
    expect(gone["b[0]"]?.pid).toBe(before["b[0]"]?.pid ?? 0);
  });
});

test("a job that is stopped in the middle of a change has nothing more to come", async () => {
  await submit(jobOf({ a: { count: 3 } }));
  await running("a[0]", "a[1]", "a[2]");
  expect((await submit(jobOf({ a: { count: 3, config: CHANGED } }))).job.rollout?.places).toHaveLength(2);
  await bed.agent.deregisterJob("web", { purge: false });
  await until("all of them to end", () => live().length === 0);
  expect(bed.agent.job("web").rollout).toBeUndefined();
});

test("the disk of a group is told of by that group's own image, also where another's task is called the same", async () => {
  await submit(jobOf({ a: {}, b: {} }));
  await running("a[0]", "b[0]");
  const job = jobOf({ a: { config: CHANGED }, b: { config: CHANGED } });
  const groups = job.groups.map((group) => {
    const tasks = group.tasks.map((task) => ({ ...task, config: { ...task.config, image_path: "/other.img" } }));
    return group.name === "a" ? { ...group, tasks } : group;
  });
  const fates = await bed.agent.disksAtStake({ ...job, groups });
  expect(fates.map(({ message }) => message.endsWith("its disk moves along"))).toEqual([false, true]);
});

describe("an image that one group has in place", () => {
  test("is another's once the first is gone: a group that is called otherwise begins behind the old one", async () => {
    await submit(jobOf({ a: { disk: "direct" } }));
    const before = await running("a[0]");
    await submit(jobOf({ b: { disk: "direct" } }));
    await running("b[0]");
    expect(live()[0]?.waitsFor).toEqual([before["a[0]"]?.id ?? ""]);
  });

  test("is what others stand over once the first is replaced by one that stands over it, too", async () => {
    await submit(jobOf({ a: { disk: "direct" } }));
    await running("a[0]");
    await submit(jobOf({ b: { count: 2 }, a: {} }));
    await running("a[0]", "b[0]", "b[1]");
  });
});

describe("an agent that ends in the middle of a change", () => {
  test("has a next one that goes on with it", async () => {
    await submit(jobOf({ a: { count: 3 }, b: {} }));
    const before = await running("a[0]", "a[1]", "a[2]", "b[0]");
    await submit(jobOf({ a: { count: 3, config: CHANGED }, b: {} }));
    // Two are still to come, whatever has become of the first.
    await bed.restart();
    await until("all to be of the new version", () => bed.agent.job("web").rollout === undefined);
    const after = await running("a[0]", "a[1]", "a[2]", "b[0]");
    expect(Object.values(after).map(({ version }) => version)).toEqual([1, 1, 1, 1]);
    expect(after["b[0]"]?.pid).toBe(before["b[0]"]?.pid ?? 0);
    expect(all().filter(({ jobVersion }) => jobVersion === 1)).toHaveLength(4);
  });
});
