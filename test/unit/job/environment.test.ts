import { expect, test } from "bun:test";
import { buildTaskEnvironment, type TaskPort, type TaskSubject } from "../../../src/job/environment.ts";
import type { Group, Job, Task } from "../../../src/job/job.ts";
import { taskDirs } from "../../../src/paths.ts";

const ALLOC = "5f1c0e0a-3f1b-4a44-9f2e-6a6a1f9b7c11";

function build(parts: {
  env?: Record<string, string>;
  meta?: Partial<Record<"job" | "group" | "task", Record<string, string>>>;
  ports?: TaskPort[];
  memoryMax?: number;
  address?: string;
  attributes?: Record<string, string>;
  cores?: number[];
}): Record<string, string> {
  const task = {
    name: "vm",
    env: parts.env ?? {},
    meta: parts.meta?.task ?? {},
    resources: { cpu: 500, cores: 0, memory: 512, memory_max: parts.memoryMax ?? 0, networks: [] },
  } as unknown as Task;
  const group = { name: "web", meta: parts.meta?.group ?? {} } as unknown as Group;
  const job = {
    id: "site",
    name: "The site",
    region: "global",
    namespace: "default",
    meta: parts.meta?.job ?? {},
  } as unknown as Job;
  const subject: TaskSubject = {
    job,
    group,
    task,
    allocId: ALLOC,
    allocName: "site.web[0]",
    allocIndex: 0,
    node: {
      id: "n",
      name: "barn",
      datacenter: "dc7",
      nodeClass: "",
      nodePool: "default",
      attributes: {
        ...parts.attributes,
        ...(parts.address === undefined ? {} : { "unique.network.ip-address": parts.address }),
      },
      meta: { rack: "r1" },
    },
    dirs: taskDirs({ dataDir: "/data", runDir: "/run" }, ALLOC, "vm"),
    ports: parts.ports ?? [],
    cores: parts.cores ?? [],
  };
  return buildTaskEnvironment(subject);
}

test("a task has Nomad's variables", () => {
  expect(build({})).toEqual({
    NOMAD_ALLOC_DIR: `/data/alloc/${ALLOC}/alloc`,
    NOMAD_TASK_DIR: `/data/alloc/${ALLOC}/vm/local`,
    NOMAD_SECRETS_DIR: `/data/alloc/${ALLOC}/vm/secrets`,
    NOMAD_CPU_LIMIT: "500",
    NOMAD_MEMORY_LIMIT: "512",
    NOMAD_ALLOC_ID: ALLOC,
    NOMAD_SHORT_ALLOC_ID: "5f1c0e0a",
    NOMAD_ALLOC_NAME: "site.web[0]",
    NOMAD_ALLOC_INDEX: "0",
    NOMAD_TASK_NAME: "vm",
    NOMAD_GROUP_NAME: "web",
    NOMAD_JOB_ID: "site",
    NOMAD_JOB_NAME: "The site",
    NOMAD_DC: "dc7",
    NOMAD_REGION: "global",
    NOMAD_NAMESPACE: "default",
  });
  expect(build({ memoryMax: 1024 })["NOMAD_MEMORY_MAX_LIMIT"]).toBe("1024");
});

test("the group of the agent's machines is told where there are control groups", () => {
  expect(build({ attributes: { "paddock.cgroup.parent": "paddock-0a1b2c3d" } })["NOMAD_PARENT_CGROUP"]).toBe(
    "paddock-0a1b2c3d",
  );
});

test("an address of IPv6 is told as one", () => {
  const ports = [{ label: "p", hostPort: 5000, hostAddress: "2001:db8::1", guestPort: 80 }];
  expect(build({ ports })).toMatchObject({ NOMAD_IP_p: "2001:db8::1", NOMAD_IPv6_p: "2001:db8::1" });
  expect(build({ ports })).not.toHaveProperty("NOMAD_IPv4_p");
});

test("cores of its own are told in Linux's form, and only when there are some", () => {
  expect(build({ cores: [0, 5, 6, 7] })["NOMAD_CPU_CORES"]).toBe("0,5-7");
  expect(build({})).not.toHaveProperty("NOMAD_CPU_CORES");
});

test("a port has its address, both its numbers, and a label that fits a variable's name", () => {
  const ports = [{ label: "my-http", hostPort: 22080, hostAddress: "192.0.2.7", guestPort: 80 }];
  expect(build({ ports })).toMatchObject({
    NOMAD_IP_my_http: "192.0.2.7",
    NOMAD_IPv4_my_http: "192.0.2.7",
    NOMAD_PORT_my_http: "80",
    NOMAD_HOST_PORT_my_http: "22080",
    NOMAD_ADDR_my_http: "192.0.2.7:22080",
    NOMAD_HOST_IP_my_http: "192.0.2.7",
    NOMAD_HOST_ADDR_my_http: "192.0.2.7:22080",
    NOMAD_ALLOC_PORT_my_http: "80",
  });
});

test("of a port that another task asks for itself it has the host's side, under that task's name", () => {
  const ports = [{ label: "adm-in", hostPort: 22080, hostAddress: "192.0.2.7", guestPort: 80, sibling: "the db" }];
  const found = Object.entries(build({ ports })).filter(([name]) => name.includes("adm_in"));
  expect(Object.fromEntries(found)).toEqual({
    NOMAD_IP_the_db_adm_in: "192.0.2.7",
    NOMAD_PORT_the_db_adm_in: "22080",
    NOMAD_ADDR_the_db_adm_in: "192.0.2.7:22080",
  });
});

test.each([
  ["", "192.0.2.2", "192.0.2.2:5000"],
  ["0.0.0.0", "192.0.2.2", "192.0.2.2:5000"],
  ["", undefined, "127.0.0.1:5000"],
  ["2001:db8::1", "192.0.2.2", "[2001:db8::1]:5000"],
])("a port on address %p of a host at %p is reached at its address %s", (hostAddress, address, expected) => {
  const ports = [{ label: "p", hostPort: 5000, hostAddress, guestPort: 80 }];
  expect(build({ ports, ...(address === undefined ? {} : { address }) })["NOMAD_ADDR_p"]).toBe(expected);
});

test("meta of the task is before that of the group and the job, as written and in capitals", () => {
  const meta = { job: { a: "job", b: "job", "x-y": "job" }, group: { b: "group", c: "group" }, task: { c: "task" } };
  expect(build({ meta })).toMatchObject({
    NOMAD_META_a: "job",
    NOMAD_META_A: "job",
    NOMAD_META_b: "group",
    NOMAD_META_C: "task",
    NOMAD_META_x_y: "job",
    NOMAD_META_X_Y: "job",
  });
});

test("a key of meta that is written in capitals keeps its value", () => {
  expect(build({ meta: { job: { A: "big", a: "small" } } })).toMatchObject({
    NOMAD_META_A: "big",
    NOMAD_META_a: "small",
  });
  expect(build({ meta: { job: { a: "small", A: "big" } } })).toMatchObject({
    NOMAD_META_A: "big",
    NOMAD_META_a: "small",
  });
});

test("values of env use Nomad's variables and the node's names, but not each other, and unknown ones stay", () => {
  const env = {
    DIR: "${NOMAD_TASK_DIR}/x",
    RACK: "${meta.rack} in ${node.datacenter}",
    OWNER: "${NOMAD_META_owner}",
    OTHER: "${DIR}",
    UNKNOWN: "${attr.unknown}",
  };
  expect(build({ env, meta: { job: { owner: "ann on ${meta.rack}" } } })).toMatchObject({
    DIR: `/data/alloc/${ALLOC}/vm/local/x`,
    RACK: "r1 in dc7",
    OWNER: "ann on r1",
    NOMAD_META_OWNER: "ann on r1",
    NOMAD_META_owner: "ann on r1",
    OTHER: "${DIR}",
    UNKNOWN: "${attr.unknown}",
  });
});
