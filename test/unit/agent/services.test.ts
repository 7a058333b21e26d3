import { describe, expect, test } from "bun:test";
import { checkSpecsOf, servicesOf } from "../../../src/agent/services.ts";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { CheckSpec } from "../../../src/allocation/check.ts";
import type { JobRecord } from "../../../src/state/records.ts";
import { allocation, jobOf, jobRecord, jobText, NODE, RUNNING, taskRecord } from "../../helpers/records.ts";

const CHECK = 'type = "http"\n path = "health"\n interval = "10s"\n timeout = "2s"';

/** A store that holds one job, whose group has more lines. */
function contextOf(group: string) {
  const record: JobRecord = jobRecord({ job: jobOf(jobText("web", group)) });
  const store = { jobVersion: () => record } as never;
  return { store, node: () => NODE, dirs: { dataDir: "/data", runDir: "/run" } };
}

function specOf(check: string, service = ""): CheckSpec | undefined {
  const text = `service {\n name = "front"\n port = "http"\n ${service}\n check {\n ${check}\n }\n }`;
  return checkSpecsOf(contextOf(text), allocation(), "vm")[0];
}

describe("a check", () => {
  test("asks the forwarded port of the host, with Nomad's defaults", () => {
    expect(specOf(CHECK)).toMatchObject({
      name: 'service: "front" check',
      service: "front",
      task: "",
      restarts: ["vm"],
      probe: { type: "http", host: "127.0.0.1", port: 25_001, path: "/health", method: "GET", secure: false },
      interval: 10_000,
      timeout: 2000,
      mode: "healthiness",
      initial: "pending",
      successes: 1,
      failures: 1,
      limit: 0,
    });
  });

  test("has the values of the run time in its texts", () => {
    const more = `name = "\${NOMAD_JOB_ID}"\n method = "head"\n protocol = "HTTPS"\n header {\n Host = ["\${NOMAD_TASK_NAME}.example.org"]\n }`;
    expect(specOf(`${CHECK}\n ${more}`)).toMatchObject({
      name: "web",
      probe: { method: "HEAD", secure: true, headers: { Host: ["vm.example.org"] } },
    });
  });

  test("restarts as it says, or as its service says", () => {
    expect(specOf(CHECK, "check_restart {\n limit = 3\n }")).toMatchObject({ limit: 3, grace: 1000 });
    const own = `${CHECK}\n check_restart {\n limit = 1\n grace = "90s"\n }`;
    expect(specOf(own, "check_restart {\n limit = 3\n }")).toMatchObject({ limit: 1, grace: 90_000 });
  });

  test("may name a port of the host by its number, and begin with a status", () => {
    expect(specOf(`${CHECK}\n port = "8080"\n initial_status = "passing"`)).toMatchObject({
      probe: { port: 8080 },
      initial: "success",
    });
  });

  test("has an id that stays, and differs from every other's", () => {
    expect(specOf(CHECK)?.id).toBe(specOf(CHECK)?.id as string);
    expect(specOf(CHECK)?.id).not.toBe(specOf(`${CHECK}\n method = "PUT"`)?.id as string);
    expect(specOf(CHECK)?.id).toMatch(/^[0-9a-f]{64}$/);
  });

  test("of a host address that is one goes there", () => {
    const text = `service {\n name = "front"\n port = "http"\n check {\n ${CHECK}\n }\n }`;
    const [port] = allocation().ports;
    if (port === undefined) throw new Error("the allocation has no port");
    const placed = allocation({ ports: [{ ...port, hostAddress: "192.0.2.9" }] });
    expect(checkSpecsOf(contextOf(text), placed, "vm")[0]?.probe.host).toBe("192.0.2.9");
  });
});

test("a service is found at the host's address, with its tags and Nomad's id", () => {
  const text = 'service {\n name = "front"\n provider = "nomad"\n port = "http"\n tags = ["${node.datacenter}"]\n }';
  const [service] = servicesOf(contextOf(text), allocation());
  expect(service).toMatchObject({
    id: `_nomad-task-${allocation().id}-group-vms-front-http`,
    name: "front",
    tags: [NODE.datacenter],
    port: 25_001,
  });
});

describe("of several tasks", () => {
  const GROUP = `
    network {
      port "sql" {}
      port "free" {}
    }
    service {
      name = "sql"
      port = "sql"
      check {
        ${CHECK}
      }
      check {
        name = "other"
        port = "free"
        ${CHECK}
      }
    }
    service {
      name = "free"
      port = "free"
    }
    service {
      name = "told"
      port = "sql"
      task = "vm"
      check {
        ${CHECK}
      }
    }
    task "db" {
      driver = "qemu"
      config {
        image_path = "local/db.img"
        port_map {
          sql = 5432
        }
      }
    }`;
  // A port with a guest port of its own would have to be mapped.
  const text = jobText("web", GROUP).replace('port "http" { to = 80 }', 'port "http" {}');
  const record = jobRecord({ job: jobOf(text) });
  const context = {
    store: { jobVersion: () => record } as never,
    node: () => NODE,
    dirs: { dataDir: "/data", runDir: "/run" },
  };
  const port = { to: 0, hostAddress: "", static: false };
  const placed = allocation({
    tasks: { vm: taskRecord(RUNNING), db: taskRecord(RUNNING) },
    ports: [
      { ...port, label: "sql", hostPort: 25_001 },
      { ...port, label: "free", hostPort: 25_002 },
    ],
  });

  test("a check begins with the machine that its port leads to, and restarts what it says", () => {
    const checks = (task: string) =>
      checkSpecsOf(context, placed, task).map(({ service, name, restarts }) => [service, name, restarts.join()]);
    // What leads nowhere begins with the first task.
    expect(record.job.groups[0]?.tasks[0]?.name).toBe("db");
    expect(checks("db")).toEqual([
      ["sql", 'service: "sql" check', "vm,db"],
      ["sql", "other", "vm,db"],
    ]);
    expect(checks("vm")).toEqual([["told", 'service: "told" check', "vm"]]);
  });

  test("each service is there once", () => {
    expect(
      servicesOf(context, placed)
        .map(({ name, port: at }) => `${name} ${at}`)
        .toSorted(),
    ).toEqual(["free 25002", "sql 25001", "told 25001"]);
  });
});

test("a record of before there were services has none", () => {
  expect(checkSpecsOf(contextOf(""), allocation(), "vm")).toEqual([]);
  expect(jobOf(jobText("web"))).not.toHaveProperty("groups[0].services");
  expect(jobOf(jobText("web")).groups[0]?.tasks[0]).not.toHaveProperty("services");
});

test("what templates make of a service's texts is rendered once for each version of the job and state of the node", () => {
  const service = (name: string) => `service {\n name = "${name}"\n port = "http"\n check {\n ${CHECK}\n }\n }`;
  const template = 'template {\n destination = "local/env"\n env = true\n data = "WORD=front"\n }\n env {';
  const job = jobOf(jobText("web", service("${WORD}")).replace("env {", template));
  let rendered = 0;
  const groups = job.groups.map((group) => ({
    ...group,
    tasks: group.tasks.map((task) => ({
      ...task,
      get templates() {
        rendered++;
        return (task.templates ?? []).map((written) => ({ ...written, data: `WORD=front-${rendered}` }));
      },
    })),
  }));
  let node = NODE;
  const context = {
    ...contextOf(""),
    store: { jobVersion: () => jobRecord({ job: { ...job, groups } }) } as never,
    node: () => node,
  };
  const look = (change: Partial<Allocation> = {}) => [
    servicesOf(context, allocation(change))[0]?.name,
    checkSpecsOf(context, allocation(change), "vm")[0]?.service,
  ];
  expect([look(), look()]).toEqual([
    ["front-1", "front-1"],
    ["front-1", "front-1"],
  ]);
  expect(look({ jobVersion: 1 })).toEqual(["front-2", "front-2"]);
  node = { ...NODE };
  expect(look({ jobVersion: 1 })).toEqual(["front-3", "front-3"]);
  expect(look({ jobVersion: 1, id: "another" })).toEqual(["front-4", "front-4"]);
});
