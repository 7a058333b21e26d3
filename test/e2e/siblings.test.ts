import { expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { tinyGuest } from "../guests/tiny.ts";
import { type ImageAgent, startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { freePort } from "../helpers/ports.ts";
import { processesAt } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";

interface Tasks {
  readonly status: string;
  readonly id: string;
  readonly tasks: Readonly<
    Record<
      string,
      {
        readonly State: string;
        readonly Failed: boolean;
        readonly Events: readonly { readonly Type: string }[];
        readonly Paddock: { readonly Pid: number | null; readonly Guest: string | null };
      }
    >
  >;
}

async function newest(agent: ImageAgent): Promise<Tasks> {
  const list = (await (await agent.request("/v1/job/shop/allocations")).json()) as {
    ID: string;
    CreateIndex: number;
    ClientStatus: string;
    TaskStates: Tasks["tasks"];
  }[];
  const last = list.toSorted((a, b) => a.CreateIndex - b.CreateIndex).at(-1);
  if (last === undefined) throw new Error("nothing is placed");
  return { id: last.ID, status: last.ClientStatus, tasks: last.TaskStates };
}

const untilAll = (agent: ImageAgent, state: "running" | "dead"): Promise<Tasks> =>
  until(
    `every machine to be ${state}`,
    async () => {
      const found = await newest(agent);
      const wrong = Object.entries(found.tasks).filter(([, task]) => task.State !== state);
      if (wrong.length > 0) throw new Error(JSON.stringify(wrong.map(([name, task]) => [name, task.State])));
      return found;
    },
    { deadline: 60_000 },
  );

test("two Linux machines of a group answer each at its own port, and go down together when the leader does", async () => {
  await using agent = await startImageAgent();
  const image = join(agent.images, "tiny.qcow2");
  copyFileSync(tinyGuest().qcow2, image);
  const [web, sql] = [await freePort(), await freePort()];
  const machine = (name: string, port: string, more: string): string => `
    task "${name}" {
      driver       = "qemu"
      kill_timeout = "20s"
      ${more}
      config {
        image_path        = "${image}"
        disk              = "overlay"
        drive_interface   = "virtio"
        graceful_shutdown = true
        port_map {
          ${port} = 80
        }
      }
      resources {
        memory = 256
      }
    }`;
  const file = agent.jobFile(`job "shop" {
  type = "batch"
  group "shop" {
    network {
      port "web" {
        static = ${web}
      }
      port "sql" {
        static = ${sql}
      }
    }
    ${machine("web", "web", "leader = true")}
    ${machine("db", "sql", "")}
  }
}`);
  const run = await agent.run(["run", file], { deadline: 60_000 });
  expect(run).toMatchObject({ code: 0 });
  expect(run.stdout).toContain(`web  0.0.0.0:${web} → guest 80`);
  expect(run.stdout).toContain(`sql  0.0.0.0:${sql} → guest 80`);
  const answers = async (port: number): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/cgi-bin/info`)).ok;
  for (const port of [web, sql]) await until(`the guest behind ${port}`, () => answers(port), { deadline: 60_000 });

  const asked = await agent.run(["logs", "shop"]);
  expect([asked.code, asked.stderr]).toEqual([1, expect.stringContaining("hint: say which one: shop/web, shop/db")]);
  for (const name of ["shop/web", "shop/db"]) {
    const ready = async () => (await agent.run(["logs", name])).stdout.includes("TINY READY");
    await until(`TINY READY of ${name}`, ready, { deadline: 60_000 });
  }

  expect((await agent.run(["vm", "power", "press", "shop/web"])).code).toBe(0);
  const { status, tasks } = await untilAll(agent, "dead");
  expect(status).toBe("complete");
  expect(tasks["db"]?.Events.map(({ Type }) => Type)).toContain("Leader Task Dead");
  expect((await agent.run(["why", "shop/db"])).stdout).toContain("leader task dead");
  // It was asked by its button, and went down by itself.
  for (const name of ["web", "db"]) {
    expect((await agent.run(["logs", `shop/${name}`])).stdout).toContain("TINY POWEROFF");
  }
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
}, 180_000);

const demoJob = (image: string): string => `job "shop" {
  group "shop" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    ${["db", "web", "proxy"]
      .map(
        (name) => `task "${name}" {
      driver       = "qemu"
      kill_timeout = "1s"
      config {
        image_path        = "${image}"
        disk              = "overlay"
        graceful_shutdown = true
      }
      resources {
        memory = 128
      }
    }`,
      )
      .join("\n    ")}
  }
}`;

test("an agent that is killed at any moment after a machine failed leaves its successor to stop the siblings", async () => {
  await using agent = await startImageAgent();
  const file = agent.jobFile(demoJob(agent.demoDisk()));
  // From before the agent can know of the end to the middle of the siblings' stops.
  for (const moment of [0, 1, 2, 4, 8, 16, 60]) {
    expect((await agent.run(["run", file])).code).toBe(0);
    const before = await untilAll(agent, "running");
    process.kill(before.tasks["db"]?.Paddock.Pid ?? 0, "SIGKILL");
    await Bun.sleep(moment);
    await agent.kill();
    await agent.start();
    const after = await untilAll(agent, "dead");
    expect([moment, after.id, after.status]).toEqual([moment, before.id, "failed"]);
    for (const name of ["web", "proxy"]) {
      const { Failed = true, Events = [] } = after.tasks[name] ?? {};
      const told = Events.filter(({ Type }) => Type === "Sibling Task Failed");
      expect([moment, name, Failed, told.length]).toEqual([moment, name, false, 1]);
    }
    await until("every QEMU to be gone", () => processesAt(agent.dir).length === 1);
  }
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
}, 180_000);
