import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { clientStatus } from "../../src/allocation/allocation.ts";
import { jobStatus } from "../../src/contract/job-record.ts";
import type { Job, Resources } from "../../src/job/job.ts";
import type { Capacity } from "../../src/node/node.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { clearAway } from "../helpers/clear-away.ts";
import {
  type DemoJob,
  demoJob,
  type InProcessAgent,
  machineOf,
  startInProcess,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { freePort } from "../helpers/ports.ts";
import { kill } from "../helpers/processes.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

let dir: TempDir;
let running: InProcessAgent;

/** Room for two machines of 128 MiB and not for three. */
const SMALL = { total: { cpu: 4000, cores: 2, memory: 300, disk: 10_000 } } satisfies Partial<Capacity>;

beforeEach(async () => {
  dir = tempDir();
  running = await startInProcess(dir.path, { capacity: SMALL });
});

afterEach(() => clearAway(dir, running));

async function restart(capacity: Partial<Capacity> = SMALL): Promise<void> {
  running.close();
  running = await startInProcess(dir.path, { capacity });
}

/** A job with a disk of its own. */
function jobOf(id: string, resources: Partial<Resources> = {}, more: DemoJob = {}): Job {
  const job = demoJob(writeDemoDisk(dir.path, `${id}.img`), { id, ...more });
  const groups = job.groups.map((group) => ({
    ...group,
    tasks: group.tasks.map((task) => ({ ...task, resources: { ...task.resources, ...resources } })),
  }));
  return { ...job, groups };
}

const submit = (job: Job) => running.agent.registerJob(job, null, {});
const stop = (id: string) => running.agent.deregisterJob(id, { purge: false });
const allocationsOf = (jobId: string) => running.agent.allocations({ jobId });
const statusOf = (id: string) => jobStatus(running.agent.job(id), allocationsOf(id));
const evaluationsOf = (jobId: string) =>
  running.agent
    .evaluations({ jobId })
    .map(({ triggeredBy, status }) => `${triggeredBy} ${status}`)
    .toSorted();
const reasonsOf = (jobId: string) =>
  running.agent
    .evaluations({ jobId })
    .filter(({ status }) => status === "blocked")
    .flatMap(({ failures = [] }) => failures)
    .flatMap(({ shortages, filtered }) => [...shortages.map(({ text }) => text), ...filtered]);
const waitsNow = (jobId: string) => running.agent.job(jobId).waiting !== undefined;

describe("a job for which there is no room", () => {
  test("is pending with the reason, and starts when the one that has the room ends", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(running.agent, "running", "first");
    const { evaluation, job } = await submit(jobOf("second", { memory: 150 }));
    expect(evaluation).toMatchObject({ status: "complete", triggeredBy: "job-register" });
    const text = "memory: 150 MiB needed, 100 of 300 MiB free";
    expect(evaluation.failures).toEqual([
      { group: "g", shortages: [{ dimension: "memory", never: false, text }], filtered: [] },
    ]);
    expect(running.agent.evaluation(evaluation.blockedEval ?? "")).toMatchObject({
      status: "blocked",
      triggeredBy: "queued-allocs",
      previousEval: evaluation.id,
      statusDescription: `waits for room: ${text}`,
    });
    expect(job.waiting).toEqual({ evalId: evaluation.blockedEval ?? "", groups: ["g"] });
    expect([statusOf("second"), allocationsOf("second").length]).toEqual(["pending", 0]);
    await stop("first");
    await machineOf(running.agent, "running", "second");
    expect(evaluationsOf("second")).toEqual(["job-register complete", "queued-allocs complete"]);
    expect(allocationsOf("second")[0]?.evalId).toBe(evaluation.blockedEval ?? "");
    expect([statusOf("second"), waitsNow("second")]).toEqual(["running", false]);
  });

  test("waits until the other has ended, not only until its stop was asked for", async () => {
    const slow = jobOf("first", { memory: 200 }, { task: 'shutdown_delay = "2s"' });
    await submit(slow);
    await machineOf(running.agent, "running", "first");
    await submit(jobOf("second", { memory: 150 }));
    await stop("first");
    expect(allocationsOf("first").map(clientStatus)).toEqual(["running"]);
    expect(waitsNow("second")).toBe(true);
    await submit(jobOf("third", { memory: 150 }));
    expect(waitsNow("third")).toBe(true);
    await machineOf(running.agent, "running", "second");
    expect(allocationsOf("first").map(clientStatus)).toEqual(["complete"]);
    expect(waitsNow("third")).toBe(false);
  });

  test("waits over a restart of the agent, and starts when a new configuration makes room", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(running.agent, "running", "first");
    await submit(jobOf("second", { memory: 150 }));
    await restart();
    expect(waitsNow("second")).toBe(true);
    await restart({ total: { ...SMALL.total, memory: 400 } });
    await machineOf(running.agent, "running", "second");
    await machineOf(running.agent, "running", "first");
  });

  test("starts when the one that has the room ended while no agent ran", async () => {
    await submit(jobOf("first", { memory: 200 }));
    const { identity } = await machineOf(running.agent, "running", "first");
    await submit(jobOf("second", { memory: 150 }));
    running.close();
    kill(identity.pid);
    await until("the machine to be gone", () => readStat(identity.pid) === null);
    running = await startInProcess(dir.path, { capacity: SMALL });
    await machineOf(running.agent, "running", "second");
  });

  test("goes first when its priority is higher, then when it came first, and lets pass who fits beside", async () => {
    const capacity = { total: { ...SMALL.total, memory: 330 } };
    await restart(capacity);
    await submit(jobOf("holder", { memory: 330 }));
    await machineOf(running.agent, "running", "holder");
    await submit(jobOf("early", { memory: 200 }));
    await submit({ ...jobOf("urgent", { memory: 200 }), priority: 80 });
    await submit(jobOf("late", { memory: 200 }));
    await submit({ ...jobOf("tiny", { memory: 128 }), priority: 1 });
    // The order is one of the store, not of the process that took the jobs.
    await restart(capacity);
    await stop("holder");
    await until("somebody to be placed", () => !waitsNow("urgent") && !waitsNow("tiny"));
    expect(["early", "late"].filter(waitsNow)).toEqual(["early", "late"]);
    await machineOf(running.agent, "running", "urgent");
    await stop("urgent");
    await until("the next to be placed", () => !waitsNow("early"));
    expect(waitsNow("late")).toBe(true);
    await machineOf(running.agent, "running", "tiny");
  });

  test("is one of several that come at the same moment, of which only those that fit are placed", async () => {
    const ids = ["one", "two", "three", "four"];
    await Promise.all(ids.map((id) => submit(jobOf(id))));
    expect(ids.filter(waitsNow)).toEqual(["three", "four"]);
    await Promise.all(["one", "two"].map((id) => machineOf(running.agent, "running", id)));
  });

  test("waits too for the machines of an agent that did not count", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(running.agent, "running", "first");
    running.close();
    const database = new DatabaseSync(dir.file("data", "paddock.db"));
    database.exec("UPDATE allocations SET record = json_remove(record, '$.resources')");
    database.close();
    running = await startInProcess(dir.path, { capacity: SMALL });
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
    await machineOf(running.agent, "running", "first");
    await stop("first");
    await machineOf(running.agent, "ended", "first");
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
    expect(running.agent.validateJob(jobOf("huge", { memory: 301 })).warnings).toEqual([
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
    await machineOf(running.agent, "running", "first");
  });

  test("and that this host cannot run any more keeps waiting with that reason", async () => {
    await submit(jobOf("first", { memory: 200 }, { group: 'network {\n port "w" { host_network = "default" }\n }' }));
    const port = 'network {\n port "w" { static = 4001 }\n }';
    await submit(jobOf("second", { memory: 150 }, { group: port }));
    await restart({ ...SMALL, reservedPorts: [{ first: 4001, last: 4001 }] });
    await until("the new reason", () =>
      reasonsOf("second").some((reason) => reason.includes("is reserved on this host")),
    );
    await machineOf(running.agent, "running", "first");
    await restart();
    await until("the old reason", () => reasonsOf("second").some((reason) => reason.startsWith("memory")));
  });
});

test.if(process.getuid?.() === 0)(
  "a job for whose machine no user is left waits for one with that reason",
  async () => {
    const users = { wanted: true, min: 87_001, max: 87_002 };
    const restartWith = async (memory: number): Promise<void> => {
      running.close();
      running = await startInProcess(dir.path, { capacity: { total: { ...SMALL.total, memory } }, users });
    };
    await restartWith(300);
    for (const id of ["first", "second"]) {
      await submit(jobOf(id));
      await machineOf(running.agent, "running", id);
    }
    await submit(jobOf("third"));
    await restartWith(1000);
    await until("the new reason", () => reasonsOf("third").some((reason) => reason.startsWith("no user is left")));
    await stop("first");
    await machineOf(running.agent, "running", "third");
  },
);

describe("a changed job", () => {
  test("that has room only where it stands itself replaces its machine", async () => {
    await submit(jobOf("first", { memory: 200 }));
    await machineOf(running.agent, "running", "first");
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
    const { identity } = await machineOf(running.agent, "running", "first");
    const { warnings } = await submit(jobOf("first", { memory: 200 }));
    expect(warnings).toEqual([]);
    expect([statusOf("first"), waitsNow("first"), allocationsOf("first").length]).toEqual(["running", true, 1]);
    await machineOf(running.agent, "running", "second");
    await stop("second");
    await until("it to be replaced", () => allocationsOf("first").map(clientStatus).join() === "complete,running");
    const now = await machineOf(running.agent, "running", "first");
    expect(now.identity.pid).not.toBe(identity.pid);
  });

  test("that goes back to what still runs leaves the machine alone", async () => {
    const small = jobOf("first");
    await submit(small);
    await submit(jobOf("second"));
    const { identity } = await machineOf(running.agent, "running", "first");
    await submit(jobOf("first", { memory: 200 }));
    const { job } = await submit(small);
    expect([job.version, job.waiting, allocationsOf("first").length]).toEqual([2, undefined, 1]);
    expect((await machineOf(running.agent, "running", "first")).identity.pid).toBe(identity.pid);
    expect((await submit(small)).job.version).toBe(2);
  });
});

const network = (port: string, body: string): string => `network {\n port "${port}" {\n${body}\n}\n }`;
const forwarded = { config: "port_map { web = 80 }" };

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

describe("a port", () => {
  const ADDRESSES: Partial<Capacity> = {
    ...SMALL,
    reservedPorts: [{ first: 22, last: 22 }],
    hostNetworks: [
      { name: "default", address: "", interface: "", missing: "", reservedPorts: [] },
      { name: "two", address: "127.0.0.2", interface: "lo", missing: "", reservedPorts: [] },
      { name: "three", address: "127.0.0.3", interface: "lo", missing: "", reservedPorts: [] },
    ],
  };

  test("that another job has makes a job wait, until it is free", async () => {
    const port = await freePort();
    const group = network("web", `static = ${port}`);
    await submit(jobOf("first", {}, { group, ...forwarded }));
    await machineOf(running.agent, "running", "first");
    const { evaluation } = await submit(jobOf("second", {}, { group, ...forwarded }));
    expect(evaluation.failures?.[0]?.shortages).toEqual([
      {
        dimension: `network: reserved port collision web=${port}`,
        text: expect.stringMatching(
          new RegExp(`^port ${port} \\(label "web"\\) is held by allocation [0-9a-f]{8} of job "first"$`),
        ),
        never: false,
      },
    ]);
    await stop("first");
    await machineOf(running.agent, "running", "second");
  });

  test("of one number is two machines' on two addresses, and nobody's on a third", async () => {
    await restart(ADDRESSES);
    const port = await freePort();
    for (const name of ["two", "three"]) {
      const group = network("web", `static = ${port}\n host_network = "${name}"`);
      await submit(jobOf(name, {}, { group, ...forwarded, task: 'env { A = "${NOMAD_ADDR_web}" }' }));
      await machineOf(running.agent, "running", name);
    }
    expect(await Promise.all(["127.0.0.2", "127.0.0.3", "127.0.0.1"].map((host) => answers(host, port)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(allocationsOf("two")[0]?.ports[0]).toMatchObject({ hostAddress: "127.0.0.2", hostPort: port });
    await submit(jobOf("all", { memory: 128 }, { group: network("web", `static = ${port}`) }));
    expect(reasonsOf("all").some((reason) => reason.startsWith(`port ${port} (label "web") is held by`))).toBe(true);
  });

  test("that is picked is on the address of its network, and the machine knows it", async () => {
    await restart(ADDRESSES);
    const args = 'args = ["-name", "at-${NOMAD_ADDR_web}-${NOMAD_IP_web}"]\n port_map { web = 80 }';
    await submit(jobOf("two", {}, { group: network("web", 'host_network = "two"'), config: args }));
    await machineOf(running.agent, "running", "two");
    const { ports, id } = allocationsOf("two")[0] ?? { ports: [], id: "" };
    expect(ports[0]?.hostAddress).toBe("127.0.0.2");
    const words = running.agent.launchPlan(id, "vm").argv.map(({ word }) => word);
    expect(words).toContain(`at-127.0.0.2:${ports[0]?.hostPort}-127.0.0.2`);
    expect(await answers("127.0.0.2", ports[0]?.hostPort ?? 0)).toBe(true);
    expect(await answers("127.0.0.1", ports[0]?.hostPort ?? 0)).toBe(false);
  });

  test.each([
    ['host_network = "tow"', 'port "web": this host has no host_network "tow"; it has default, two, three'],
    ["static = 22", 'port 22 (label "web") is reserved on this host'],
  ])("with %s is refused before anything is recorded", async (body, message) => {
    await restart(ADDRESSES);
    await expect(submit(jobOf("bad", {}, { group: network("web", body) }))).rejects.toThrow(`group "g": ${message}`);
    expect(running.agent.jobs("")).toEqual([]);
  });

  test("that is busy on its address is named with its holder before QEMU starts; on another one it is no matter", async () => {
    await restart(ADDRESSES);
    const server = createServer().listen(0, "127.0.0.2");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    try {
      const on = (name: string) => ({
        group: network("web", `static = ${port}\n host_network = "${name}"`),
        ...forwarded,
      });
      await submit(jobOf("two", {}, on("two")));
      const { ending } = await machineOf(running.agent, "ended", "two");
      expect(ending.message).toContain(`port ${port}/tcp of 127.0.0.2 (label "web") is in use by`);
      expect(ending.message).toContain(`(pid ${process.pid})`);
      await submit(jobOf("three", {}, on("three")));
      await machineOf(running.agent, "running", "three");
    } finally {
      server.close();
    }
  });

  test("of udp that is busy is left out beside tcp, and is an error where it is all that was asked for", async () => {
    const socket = createSocket("udp4").bind(0, "0.0.0.0");
    await once(socket, "listening");
    const { port } = socket.address();
    try {
      const asked = (id: string, entry: string) =>
        submit(jobOf(id, {}, { group: network("web", `static = ${port}`), config: `port_map { web = "${entry}" }` }));
      await asked("udp", "53/udp");
      const { ending } = await machineOf(running.agent, "ended", "udp");
      expect(ending.message).toContain(`port ${port}/udp (label "web") is in use by`);
      const forwardsOf = (id: string) => running.agent.launchPlan(allocationsOf(id)[0]?.id ?? "", "vm").forwards;
      await asked("tcp", "53/tcp");
      await machineOf(running.agent, "running", "tcp");
      expect(allocationsOf("tcp")[0]?.tasks["vm"]?.events.map(({ type }) => type)).not.toContain("Driver");
      expect(forwardsOf("tcp").map(({ protocol }) => protocol)).toEqual(["tcp"]);
      await stop("tcp");
      await machineOf(running.agent, "ended", "tcp");
      await asked("both", "53");
      await machineOf(running.agent, "running", "both");
      expect(forwardsOf("both").map(({ protocol }) => protocol)).toEqual(["tcp"]);
    } finally {
      socket.close();
    }
  });
});
