import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { clientStatus } from "../../src/allocation/allocation.ts";
import { databaseFile } from "../../src/paths.ts";
import { createRecorder } from "../../src/state/recorder.ts";
import { openStore } from "../../src/state/store.ts";
import { startOrigin } from "../helpers/origin.ts";
import { untilGone } from "../helpers/processes.ts";
import { CRASHED, ended as endedAs } from "../helpers/records.ts";
import { siblingsBed } from "../helpers/siblings-bed.ts";

setDefaultTimeout(90_000);

const { bed, jobOf, copy, machine, events, running, anew, ended, spoken, powerOff, expectStopped, submit } =
  siblingsBed();

const PORTS = 'network {\n port "web" {}\n port "sql" {}\n port "free" {}\n }';
const TWO = { web: { config: "port_map {\n web = 80\n }" }, db: { config: "port_map {\n sql = 5432\n }" } };
const RESTARTS = 'attempts = 2\n interval = "1h"\n delay = "50ms"\n mode = "fail"';

/** Whether somebody listens at a port of this host. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
  }).then((found) => found === true);

test("machines of one group run side by side, each with its own ports, console and variables", async () => {
  const args = 'args = ["-fw_cfg", "name=opt/x,string=${NOMAD_TASK_NAME} ${NOMAD_ALLOC_DIR} ${NOMAD_HOST_PORT_sql}"]';
  await submit(jobOf({ ...TWO, web: { config: `${TWO.web.config}\n ${args}` } }, { group: PORTS }));
  const pids = await running(["web", "db"]);
  expect(new Set(Object.values(pids)).size).toBe(2);
  const { id, ports } = copy();
  const portOf = (label: string): number => ports.find((port) => port.label === label)?.hostPort ?? 0;
  const plans = { web: bed.agent.launchPlan(id, "web"), db: bed.agent.launchPlan(id, "db") };
  const forwards = Object.values(plans).map((plan) =>
    plan.forwards.map(({ label, protocol, guestPort }) => `${label}/${protocol} ${guestPort}`),
  );
  expect(forwards).toEqual([
    ["web/udp 80", "web/tcp 80"],
    ["sql/udp 5432", "sql/tcp 5432"],
  ]);
  expect(await Promise.all([answers(portOf("web")), answers(portOf("sql")), answers(portOf("free"))])).toEqual([
    true,
    true,
    false,
  ]);
  const shared = bed.dir.file("data", "alloc", id, "alloc");
  expect(plans.web.argv.map(({ word }) => word)).toContain(`name=opt/x,string=web ${shared} ${portOf("sql")}`);
  await powerOff("db");
  await ended("db");
  await spoken("web");
});

describe("a machine that fails for good", () => {
  test("has its sibling stopped by the sibling's own ladder, and fails the allocation", async () => {
    await submit(jobOf(TWO, { group: PORTS }));
    const { db = 0 } = await running(["web", "db"]);
    process.kill(db, "SIGKILL");
    expect(await ended("db")).toMatchObject({ reason: "killed", failed: true, stop: null });
    await expectStopped("web", "sibling task failed");
    expect(events("web").find((line) => line.startsWith("Sibling"))).toBe(
      `Sibling Task Failed: Task's sibling "db" failed`,
    );
    expect(events("db").some((line) => line.startsWith("Sibling"))).toBe(false);
    expect(clientStatus(copy())).toBe("failed");
    await expect(bed.agent.restartAllocation(copy().id, "web")).rejects.toThrow("has ended");
  });

  test("does so only when its restart policy has had its way", async () => {
    await submit(jobOf(TWO, { group: PORTS, restart: RESTARTS }));
    const first = await running(["web", "db"]);
    process.kill(first["db"] ?? 0, "SIGKILL");
    const second = await anew("db", first["db"] ?? 0);
    expect((await running(["web"]))["web"]).toBe(first["web"] as number);
    process.kill(second, "SIGKILL");
    const third = await anew("db", second);
    expect((await running(["web"]))["web"]).toBe(first["web"] as number);
    process.kill(third, "SIGKILL");
    await expectStopped("web", "sibling task failed");
    expect(copy().tasks["db"]?.restarts).toBe(2);
  });

  test("has one that is not ready yet given up", async () => {
    await using origin = await startOrigin({});
    const never = `artifact {\n source = "${origin.url("/never")}"\n }`;
    const slow = `${never}\n restart {\n attempts = 2\n interval = "1h"\n delay = "20m"\n mode = "fail"\n }`;
    await submit(jobOf({ ...TWO, web: { ...TWO.web, task: slow } }, { group: PORTS }));
    const { db = 0 } = await running(["db"]);
    process.kill(db, "SIGKILL");
    await ended("web");
    // It waited for its next try: its last end stays as it was, and counts for nothing.
    expect(machine("web")).toMatchObject({ failed: false });
    expect(clientStatus(copy())).toBe("failed");
    expect(events("web").map((line) => line.split(":")[0])).toContain("Sibling Task Failed");
  });
});

describe("a leader", () => {
  const LED = { web: { ...TWO.web, task: "leader = true" }, db: TWO.db };

  test("takes the others along when it has done its work, and the allocation is complete", async () => {
    await submit(jobOf(LED, { group: PORTS, type: "batch" }));
    await running(["web", "db"]);
    await powerOff("web");
    await expectStopped("db", "leader task dead");
    expect(events("db")).toContain("Leader Task Dead: Leader Task in Group dead");
    expect(clientStatus(copy())).toBe("complete");
  });

  test("goes on when another one has done its work", async () => {
    await submit(jobOf(LED, { group: PORTS, type: "batch" }));
    const { web } = await running(["web", "db"]);
    await powerOff("db");
    expect((await ended("db")).failed).toBe(false);
    expect([clientStatus(copy()), (await running(["web"]))["web"]]).toEqual(["running", web as number]);
    await powerOff("web");
    expect(await ended("web")).toMatchObject({ stop: null });
    expect(clientStatus(copy())).toBe("complete");
  });

  test("is stopped first, and the others when it is gone", async () => {
    await submit(jobOf(LED, { group: PORTS }));
    await running(["web", "db"]);
    await Promise.all([spoken("web"), spoken("db")]);
    await bed.agent.deregisterJob("shop", { purge: false });
    const [web, db] = [await ended("web"), await ended("db")];
    expect([web.stop?.order.cause, db.stop?.order.cause]).toEqual(["job stopped", "job stopped"]);
    expect(db.stop?.order.requestedAt).toBeGreaterThanOrEqual(web.at);
  });

  test("is stopped first, too, when their time is over", async () => {
    await submit(jobOf(LED, { group: `${PORTS}\n max_run_duration = "2s"`, type: "batch" }));
    const [web, db] = [await ended("web"), await ended("db")];
    const cause = "max_run_duration is over";
    expect([web.stop?.order.cause, db.stop?.order.cause]).toEqual([cause, cause]);
    expect(db.stop?.order.requestedAt).toBeGreaterThanOrEqual(web.at);
    expect(clientStatus(copy())).toBe("complete");
  });

  test("is waited for by nobody when a signal stops them", async () => {
    await submit(
      jobOf({ ...LED, web: { ...LED.web, task: 'leader = true\n shutdown_delay = "1h"' } }, { group: PORTS }),
    );
    await running(["web", "db"]);
    await bed.agent.deregisterJob("shop", { purge: false });
    expect(machine("db")?.kind).toBe("running");
    await bed.agent.deregisterJob("shop", { purge: false, force: "SIGKILL" });
    expect(await Promise.all([ended("web"), ended("db")])).toMatchObject([{ signal: 9 }, { signal: 9 }]);
  });
});

describe("an agent that comes back", () => {
  test("goes on with what the end of a machine means that it finds out only now", async () => {
    await submit(jobOf(TWO, { group: PORTS }));
    const { db = 0 } = await running(["web", "db"]);
    await bed.restart(async () => {
      process.kill(db, "SIGKILL");
      await untilGone("the database", db);
    });
    await expectStopped("web", "sibling task failed");
    expect(clientStatus(copy())).toBe("failed");
  });

  test("stops the siblings of a machine whose end was recorded when the agent was killed", async () => {
    await submit(jobOf(TWO, { group: PORTS }));
    const { db = 0 } = await running(["web", "db"]);
    const { id } = copy();
    await bed.restart(async () => {
      process.kill(db, "SIGKILL");
      await untilGone("the database", db);
      const store = openStore(databaseFile(bed.dirs));
      const record = store.allocation(id);
      const task = record?.tasks["db"];
      if (record === undefined || task === undefined) throw new Error("nothing is recorded");
      const failed = { ...task, machine: endedAs({ ...CRASHED, failed: true }) };
      createRecorder(store).record((modifyIndex) =>
        store.putAllocation({ ...record, modifyIndex, tasks: { ...record.tasks, db: failed } }),
      );
      store.close();
    });
    await expectStopped("web", "sibling task failed");
    expect(events("web").filter((line) => line.startsWith("Sibling"))).toHaveLength(1);
  });

  test("goes on with a stop that has reached the leader alone", async () => {
    const leader = { ...TWO.web, task: 'leader = true\n shutdown_delay = "3s"' };
    await submit(jobOf({ web: leader, db: TWO.db }, { group: PORTS }));
    const { db = 0 } = await running(["web", "db"]);
    await bed.agent.deregisterJob("shop", { purge: false });
    await bed.restart();
    expect(process.kill(db, 0)).toBe(true);
    await expectStopped("web", "job stopped");
    await expectStopped("db", "job stopped");
  });
});
