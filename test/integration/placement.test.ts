import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { DatabaseSync } from "node:sqlite";
import { clientStatus } from "../../src/allocation/allocation.ts";
import { jobStatus } from "../../src/contract/job-record.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { machineOf } from "../helpers/in-process-agent.ts";
import { placing, SMALL } from "../helpers/placing.ts";
import { kill } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const { bed, allocationsOf, jobOf, submit, stop, restart, reasonsOf, waitsNow } = placing();
const statusOf = (id: string) => jobStatus(bed.agent.job(id), allocationsOf(id));
const evaluationsOf = (jobId: string) =>
  bed.agent
    .evaluations({ jobId })
    .map(({ triggeredBy, status }) => `${triggeredBy} ${status}`)
    .toSorted();

describe("a job for which there is no room", () => {
  test("is pending with the reason, and starts when the one that has the room ends", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(bed.agent, "running", "first");
    const { evaluation, job } = await submit(jobOf("second", { memory: 150 }));
    expect(evaluation).toMatchObject({ status: "complete", triggeredBy: "job-register" });
    const text = "memory: 150 MiB needed, 100 of 300 MiB free";
    expect(evaluation.failures).toEqual([
      { group: "g", shortages: [{ dimension: "memory", never: false, text }], filtered: [] },
    ]);
    expect(bed.agent.evaluation(evaluation.blockedEval ?? "")).toMatchObject({
      status: "blocked",
      triggeredBy: "queued-allocs",
      previousEval: evaluation.id,
      statusDescription: `waits for room: ${text}`,
    });
    expect(job.waiting).toEqual({ evalId: evaluation.blockedEval ?? "", groups: ["g"] });
    expect([statusOf("second"), allocationsOf("second").length]).toEqual(["pending", 0]);
    await stop("first");
    await machineOf(bed.agent, "running", "second");
    expect(evaluationsOf("second")).toEqual(["job-register complete", "queued-allocs complete"]);
    expect(allocationsOf("second")[0]?.evalId).toBe(evaluation.blockedEval ?? "");
    expect([statusOf("second"), waitsNow("second")]).toEqual(["running", false]);
  });

  test("waits until the other has ended, not only until its stop was asked for", async () => {
    const slow = jobOf("first", { memory: 200 }, { task: 'shutdown_delay = "2s"' });
    await submit(slow);
    await machineOf(bed.agent, "running", "first");
    await submit(jobOf("second", { memory: 150 }));
    await stop("first");
    expect(allocationsOf("first").map(clientStatus)).toEqual(["running"]);
    expect(waitsNow("second")).toBe(true);
    await submit(jobOf("third", { memory: 150 }));
    expect(waitsNow("third")).toBe(true);
    await machineOf(bed.agent, "running", "second");
    expect(allocationsOf("first").map(clientStatus)).toEqual(["complete"]);
    expect(waitsNow("third")).toBe(false);
  });

  test("waits over a restart of the agent, and starts when a new configuration makes room", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(bed.agent, "running", "first");
    await submit(jobOf("second", { memory: 150 }));
    await restart();
    expect(waitsNow("second")).toBe(true);
    await restart({ total: { ...SMALL.total, memory: 400 } });
    await machineOf(bed.agent, "running", "second");
    await machineOf(bed.agent, "running", "first");
  });

  test("starts when the one that has the room ended while no agent ran", async () => {
    await submit(jobOf("first", { memory: 200 }));
    const { identity } = await machineOf(bed.agent, "running", "first");
    await submit(jobOf("second", { memory: 150 }));
    await restart(SMALL, async () => {
      kill(identity.pid);
      await until("the machine to be gone", () => readStat(identity.pid) === null);
    });
    await machineOf(bed.agent, "running", "second");
  });

  test("goes first when its priority is higher, then when it came first, and lets pass who fits beside", async () => {
    const capacity = { total: { ...SMALL.total, memory: 330 } };
    await restart(capacity);
    await submit(jobOf("holder", { memory: 330 }));
    await machineOf(bed.agent, "running", "holder");
    await submit(jobOf("early", { memory: 200 }));
    await submit({ ...jobOf("urgent", { memory: 200 }), priority: 80 });
    await submit(jobOf("late", { memory: 200 }));
    await submit({ ...jobOf("tiny", { memory: 128 }), priority: 1 });
    // The order is one of the store, not of the process that took the jobs.
    await restart(capacity);
    await stop("holder");
    await until("somebody to be placed", () => !waitsNow("urgent") && !waitsNow("tiny"));
    expect(["early", "late"].filter(waitsNow)).toEqual(["early", "late"]);
    await machineOf(bed.agent, "running", "urgent");
    await stop("urgent");
    await until("the next to be placed", () => !waitsNow("early"));
    expect(waitsNow("late")).toBe(true);
    await machineOf(bed.agent, "running", "tiny");
  });

  test("is one of several that come at the same moment, of which only those that fit are placed", async () => {
    const ids = ["one", "two", "three", "four"];
    await Promise.all(ids.map((id) => submit(jobOf(id))));
    expect(ids.filter(waitsNow)).toEqual(["three", "four"]);
    await Promise.all(["one", "two"].map((id) => machineOf(bed.agent, "running", id)));
  });

  test("waits too for the machines of an agent that did not count", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(bed.agent, "running", "first");
    await restart(SMALL, () => {
      const database = new DatabaseSync(bed.dir.file("data", "paddock.db"));
      database.exec("UPDATE allocations SET record = json_remove(record, '$.resources')");
      database.close();
    });
    expect(allocationsOf("first")[0]?.resources).toBeUndefined();
    await submit(jobOf("second", { memory: 150 }));
    expect(reasonsOf("second")).toEqual(["memory: 150 MiB needed, 100 of 300 MiB free"]);
  });

  test("waits no more once it was stopped, and its evaluation is canceled", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await submit(jobOf("second", { memory: 150 }));
    await stop("second");
    expect(evaluationsOf("second")).toEqual([
      "job-deregister complete",
      "job-register complete",
      "queued-allocs canceled",
    ]);
    expect(statusOf("second")).toBe("dead");
    await machineOf(bed.agent, "running", "first");
    await stop("first");
    await machineOf(bed.agent, "ended", "first");
    await submit(jobOf("third"));
    expect(allocationsOf("second")).toEqual([]);
  });

  test("that is submitted again keeps its place and its version, and its older evaluation is canceled", async () => {
    await submit(jobOf("first", { memory: 200 }));
    const { job: before } = await submit(jobOf("second", { memory: 150 }));
    const { job: after } = await submit(jobOf("second", { memory: 150 }));
    expect([after.version, after.submitTime]).toEqual([before.version, before.submitTime]);
    expect(evaluationsOf("second")).toEqual([
      "job-register complete",
      "job-register complete",
      "queued-allocs blocked",
      "queued-allocs canceled",
    ]);
    const { job: smaller } = await submit(jobOf("second", { memory: 128, cpu: 50 }));
    expect(smaller.version).toBe(before.version + 1);
    expect(waitsNow("second")).toBe(true);
  });

  test("and never will be waits all the same, and says so", async () => {
    await submit(jobOf("huge", { memory: 301, cores: 3, cpu: 0 }));
    expect(reasonsOf("huge")).toEqual([
      "cpu: 6000 MHz needed, this host has 4000 MHz for machines: it can never fit here",
      "cores: 3 needed, this host has 2 for machines: it can never fit here",
      "memory: 301 MiB needed, this host has 300 MiB for machines: it can never fit here",
    ]);
    expect(bed.agent.validateJob(jobOf("huge", { memory: 301 })).warnings).toEqual([
      'group "g": memory: 301 MiB needed, this host has 300 MiB for machines: it can never fit here',
    ]);
    expect(statusOf("huge")).toBe("pending");
  });

  test("because of what is reserved does not get it", async () => {
    await restart({ ...SMALL, reserved: { cpu: 0, cores: 0, memory: 100, disk: 0 } });
    await submit(jobOf("first", { memory: 201 }));
    expect(reasonsOf("first")).toEqual([
      "memory: 201 MiB needed, this host has 200 MiB for machines (100 of 300 are reserved): it can never fit here",
    ]);
    await restart();
    await machineOf(bed.agent, "running", "first");
  });

  test("and that this host cannot run any more keeps waiting with that reason", async () => {
    await submit(jobOf("first", { memory: 200 }, { group: 'network {\n port "w" { host_network = "default" }\n }' }));
    const port = 'network {\n port "w" { static = 4001 }\n }';
    await submit(jobOf("second", { memory: 150 }, { group: port }));
    await restart({ ...SMALL, reservedPorts: [{ first: 4001, last: 4001 }] });
    await until("the new reason", () =>
      reasonsOf("second").some((reason) => reason.includes("is reserved on this host")),
    );
    await machineOf(bed.agent, "running", "first");
    await restart();
    await until("the old reason", () => reasonsOf("second").some((reason) => reason.startsWith("memory")));
  });
});

test.if(process.getuid?.() === 0)(
  "a job for whose machine no user is left waits for one with that reason",
  async () => {
    const users = { wanted: true, min: 87_001, max: 87_002 };
    const restartWith = async (memory: number): Promise<void> => {
      await bed.restart(undefined, { capacity: { total: { ...SMALL.total, memory } }, users });
    };
    await restartWith(300);
    for (const id of ["first", "second"]) {
      await submit(jobOf(id));
      await machineOf(bed.agent, "running", id);
    }
    await submit(jobOf("third"));
    await restartWith(1000);
    await until("the new reason", () => reasonsOf("third").some((reason) => reason.startsWith("no user is left")));
    await stop("first");
    await machineOf(bed.agent, "running", "third");
  },
);

describe("a changed job", () => {
  test("that has room only where it stands itself replaces its machine", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(bed.agent, "running", "first");
    await submit(jobOf("first", { memory: 250 }));
    expect(waitsNow("first")).toBe(false);
    await until(
      "the second allocation to run",
      () => allocationsOf("first").map(clientStatus).join() === "complete,running",
    );
  });

  test("for which there is no room runs on as it was until there is", async () => {
    await submit(jobOf("first"));
    await submit(jobOf("second"));
    const { identity } = await machineOf(bed.agent, "running", "first");
    const { warnings } = await submit(jobOf("first", { memory: 200 }));
    expect(warnings).toEqual([]);
    expect([statusOf("first"), waitsNow("first"), allocationsOf("first").length]).toEqual(["running", true, 1]);
    await machineOf(bed.agent, "running", "second");
    await stop("second");
    await until("it to be replaced", () => allocationsOf("first").map(clientStatus).join() === "complete,running");
    const now = await machineOf(bed.agent, "running", "first");
    expect(now.identity.pid).not.toBe(identity.pid);
  });

  test("that goes back to what still runs leaves the machine alone", async () => {
    const small = jobOf("first");
    await submit(small);
    await submit(jobOf("second"));
    const { identity } = await machineOf(bed.agent, "running", "first");
    await submit(jobOf("first", { memory: 200 }));
    const { job } = await submit(small);
    expect([job.version, job.waiting, allocationsOf("first").length]).toEqual([2, undefined, 1]);
    expect((await machineOf(bed.agent, "running", "first")).identity.pid).toBe(identity.pid);
    expect((await submit(small)).job.version).toBe(2);
  });
});
