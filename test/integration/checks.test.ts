import { expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckReport } from "../../src/allocation/check.ts";
import { readStat } from "../../src/supervisor/identity.ts";
import { makeCounterDisk } from "../guests/counter.ts";
import { tinyGuest } from "../guests/tiny.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import {
  demoJob,
  eventsOf,
  idOf,
  imagesDir,
  jobFrom,
  machineOf,
  newestOf,
  writeDemoDisk,
} from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const bed = agentPerTest();

function reportOf(jobId: string, check: string): CheckReport | undefined {
  return bed.agent.checks(idOf(bed.agent, jobId)).find(({ spec }) => spec.name === check);
}

async function untilStatus(jobId: string, check: string, status: string): Promise<CheckReport["state"]> {
  return await until(
    `check ${check} to be ${status}`,
    () => {
      const state = reportOf(jobId, check)?.state;
      if (state?.status !== status) throw new Error(JSON.stringify(state));
      return state;
    },
    { deadline: 60_000 },
  );
}

const checkText = (name: string, type: string, more = ""): string =>
  `check {\n name = "${name}"\n type = "${type}"\n interval = "1s"\n timeout = "1s"\n ${more}\n}`;

test("a Linux that listens passes, one that does not is told from it by port, and both are told again after an adoption", async () => {
  const image = join(imagesDir(bed.dir.path), "tiny.qcow2");
  copyFileSync(tinyGuest().qcow2, image);
  const job = jobFrom(`
job "web" {
  group "g" {
    network {
      port "http" { to = 80 }
      port "shut" { to = 81 }
    }
    service {
      name     = "web-\${NOMAD_ALLOC_INDEX}"
      provider = "nomad"
      port     = "http"
      tags     = ["on-\${node.unique.name}"]
      ${checkText("listens", "tcp")}
      ${checkText("answers", "http", 'path = "/cgi-bin/info"')}
      ${checkText("has-page", "http", 'path = "/no-such-page"\n on_update = "ignore"')}
      ${checkText("refuses", "tcp", 'port = "shut"\n on_update = "ignore"')}
    }
    task "vm" {
      driver = "qemu"
      config {
        image_path      = "${image}"
        drive_interface = "virtio"
      }
      resources { memory = 256 }
    }
  }
}`);
  await bed.agent.registerJob(job, null, {});
  // While the guest boots nobody answers, although QEMU takes every connection.
  expect((await untilStatus("web", "listens", "failure")).output).toBe("the guest did not answer within 1s");
  expect(bed.agent.allocation(idOf(bed.agent, "web")).checks).toHaveLength(4);
  expect((await untilStatus("web", "listens", "success")).output).toBe("tcp ok");
  expect(await untilStatus("web", "answers", "success")).toMatchObject({ statusCode: 200, output: "http ok: 200" });
  const missing = await until("the status of a page that is not there", () => {
    const state = reportOf("web", "has-page")?.state;
    return state?.statusCode === 404 ? state : undefined;
  });
  expect(missing).toMatchObject({ status: "failure", output: expect.stringContaining("404") });
  await until("a refusal", () => reportOf("web", "refuses")?.state.output === "the guest refused the connection");
  expect(reportOf("web", "refuses")?.state.status).toBe("failure");
  expect(bed.agent.services({ name: "web-0" })).toMatchObject([{ provider: "nomad", tags: ["on-test"] }]);
  expect(eventsOf(bed.agent, "web")).toEqual(["Received", "Started"]);

  await bed.restart();
  await untilStatus("web", "listens", "success");
  expect((await machineOf(bed.agent, "running", "web")).adopted).toBe(true);
  await bed.agent.deregisterJob("web", { purge: false });
  await machineOf(bed.agent, "ended", "web");
  expect(bed.agent.checks(idOf(bed.agent, "web"))).toEqual([]);
  expect(bed.agent.services({})).toEqual([]);
});

test("a machine whose check goes on failing is stopped by its power button and started again, as often as its policy allows", async () => {
  const image = writeDemoDisk(bed.dir.path);
  const group = `network {\n port "web" { to = 80 }\n}
    service {\n name = "web"\n port = "web"\n ${checkText("alive", "tcp", "check_restart {\n limit = 2\n grace = 0\n}")}\n}`;
  const restart = 'attempts = 1\n delay = "0s"\n interval = "5m"\n mode = "fail"';
  await bed.agent.registerJob(demoJob(image, { group, restart }), null, {});
  const { ending, failed, generation } = await machineOf(bed.agent, "ended");
  expect({ failed, generation }).toEqual({ failed: true, generation: 2 });
  expect(ending).toMatchObject({
    reason: "guest-shutdown",
    failed: true,
    stop: { rung: "powerdown", order: { cause: "unhealthy" } },
  });
  // The first of eleven has made room.
  expect(eventsOf(bed.agent)).toEqual([
    "Started",
    "Restart Signaled",
    "Killing",
    "Terminated",
    "Restarting",
    "Started",
    "Restart Signaled",
    "Killing",
    "Terminated",
    "Not Restarting",
  ]);
});

test("a machine that was being stopped for its health when the agent went away starts again, a batch job too", async () => {
  const image = join(imagesDir(bed.dir.path), "counter.img");
  makeCounterDisk(image);
  const group = `network {\n port "web" { to = 80 }\n}
    service {\n name = "web"\n port = "web"\n ${checkText("alive", "tcp", "check_restart {\n limit = 1\n grace = 0\n}")}\n}`;
  const restart = 'attempts = 1\n delay = "0s"\n interval = "5m"\n mode = "fail"';
  // This guest does not hear its button, so that the ladder stands when the agent goes.
  const task = 'kill_timeout = "30s"';
  await bed.agent.registerJob(demoJob(image, { type: "batch", group, restart, task }), null, {});
  const { identity } = await machineOf(bed.agent, "stopping");
  bed.running.close();
  process.kill(identity.pid, "SIGTERM");
  await until("QEMU to be gone", () => readStat(identity.pid) === null);
  await bed.start();
  await until("a second start", () => {
    const task = newestOf(bed.agent)?.tasks["vm"];
    return task?.restarts === 1 && task.machine.kind !== "pending" && task.machine.kind !== "ended";
  });
  expect((await machineOf(bed.agent, "running")).generation).toBe(2);
});

test("a machine that somebody paused is not called sick", async () => {
  const image = writeDemoDisk(bed.dir.path);
  const group = `network {\n port "web" { to = 80 }\n}
    service {\n name = "web"\n port = "web"\n ${checkText("alive", "tcp")}\n}`;
  const config = 'args = ["-S"]';
  await bed.agent.registerJob(demoJob(image, { group, config }), null, {});
  await until("QEMU to wait for somebody to start its guest", async () => {
    return (await machineOf(bed.agent, "running")).guest === "prelaunch";
  });
  // A job that is checked in the same way and runs tells that the time of the first check is over.
  const other = writeDemoDisk(bed.dir.path, "other.img");
  await bed.agent.registerJob(demoJob(other, { id: "other", group }), null, {});
  await untilStatus("other", "alive", "failure");
  expect(reportOf("demo", "alive")?.state.status).toBe("pending");
  expect(eventsOf(bed.agent)).toEqual(["Received", "Started"]);
});
