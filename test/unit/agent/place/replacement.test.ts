import { expect, test } from "bun:test";
import { reasonsToReplace, reasonText } from "../../../../src/agent/place/replacement.ts";
import type { Job } from "../../../../src/job/job.ts";
import { allocation, jobOf, NODE } from "../../../helpers/records.ts";

interface Text {
  readonly job?: string;
  readonly group?: string;
  readonly port?: string;
  readonly network?: string;
  readonly task?: string;
  readonly config?: string;
  readonly resources?: string;
}

const job = ({
  job = "",
  group = "",
  port = "to = 80",
  network = "",
  task = "",
  config = "",
  resources = "memory = 256",
}: Text = {}): Job =>
  jobOf(`job "web" {
  ${job}
  group "vms" {
    network {
      port "http" { ${port} }
      ${network}
    }
    ${group}
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/linux.img"
        ${config}
      }
      resources {
        ${resources}
      }
      ${task}
    }
  }
}`);

const context = {
  store: { lastLaunch: () => undefined } as never,
  node: () => NODE,
  dirs: { dataDir: "/data", runDir: "/run" },
};

const reasons = (before: Text, next: Text): readonly string[] => tell(job(before), job(next));

const tell = (before: Job, next: Job): readonly string[] =>
  reasonsToReplace(context, allocation(), before, next).map(reasonText);

const IN_PLACE: readonly (readonly [what: string, Text])[] = [
  ["name", { job: 'name = "other"' }],
  ["type", { job: 'type = "batch"' }],
  ["priority", { job: "priority = 70" }],
  ["datacenters", { job: 'datacenters = ["dc1"]' }],
  ["meta of the job", { job: 'meta { a = "b" }' }],
  ["meta of the group", { group: 'meta { a = "b" }' }],
  ["meta of the task", { task: 'meta { a = "b" }' }],
  ["env", { task: 'env { A = "b" }' }],
  ["constraints", { job: 'constraint {\n attribute = "${attr.kernel.name}"\n value = "linux"\n}' }],
  ["constraints of the task", { task: 'constraint {\n attribute = "${attr.kernel.name}"\n value = "linux"\n}' }],
  ["restart", { group: 'restart {\n attempts = 0\n mode = "fail"\n}' }],
  ["restart of the task", { task: 'restart {\n attempts = 0\n mode = "fail"\n}' }],
  ["sticky", { group: "ephemeral_disk {\n sticky = false\n}" }],
  ["shutdown_delay", { group: 'shutdown_delay = "3s"' }],
  ["kill_timeout", { task: 'kill_timeout = "9s"' }],
  ["max_run_duration", { job: 'type = "batch"', group: 'max_run_duration = "1h"' }],
  ["kill_signal", { task: 'kill_signal = "SIGINT"' }],
  ["leader", { task: "leader = true" }],
  ["bounds of logs", { task: "logs {\n max_files = 2\n max_file_size = 3\n}" }],
  [
    "services",
    { group: 'service {\n port = "http"\n check {\n type = "tcp"\n interval = "9s"\n timeout = "1s"\n }\n}' },
  ],
];

test.each(IN_PLACE)("%s changes in place, and back", (_what, change) => {
  expect(reasons({}, change)).toEqual([]);
  expect(reasons(change, {})).toEqual([]);
});

const TASK = 'task "vm": ';

const REPLACED: readonly (readonly [where: string, Text])[] = [
  [`${TASK}config.image_path`, { config: 'image_path = "local/other.img"' }],
  [`${TASK}config.machine_type`, { config: 'machine_type = "q35"' }],
  [`${TASK}config.args`, { config: 'args = ["-snapshot"]' }],
  [`${TASK}config.graceful_shutdown`, { config: "graceful_shutdown = true" }],
  [`${TASK}config.guest_agent`, { config: "guest_agent = true" }],
  [`${TASK}config.port_map`, { config: "port_map { http = 81 }" }],
  [`${TASK}config.disk`, { config: 'disk = "copy"' }],
  [`${TASK}resources.memory`, { resources: "memory = 300" }],
  [`${TASK}resources.cpu`, { resources: "memory = 256\n cpu = 200" }],
  [`${TASK}artifact`, { task: 'artifact { source = "http://example.org/x" }' }],
  [`${TASK}logs.disabled`, { task: "logs { disabled = true }" }],
  ["network", { port: "to = 81" }],
  [`${TASK}network.dns`, { network: 'dns { servers = ["192.0.2.1"] }' }],
  ["ephemeral_disk.size", { group: "ephemeral_disk { size = 500 }" }],
];

test.each(REPLACED)("%s makes a new machine", (where, change) => {
  const config = change.config?.startsWith("image_path") ? [job({}), withImage(change)] : [job({}), job(change)];
  expect(tell(config[0] as Job, config[1] as Job)).toEqual([where]);
});

/** `config` has one image. */
function withImage(change: Text): Job {
  const made = job({ ...change, config: "" });
  return JSON.parse(JSON.stringify(made).replaceAll("local/linux.img", "local/other.img")) as Job;
}

test("what no job file says yet makes a new machine, too", () => {
  const withTask = (change: object): Job => {
    const made = job();
    return {
      ...made,
      groups: made.groups.map((group) => ({ ...group, tasks: group.tasks.map((task) => ({ ...task, ...change })) })),
    };
  };
  expect(tell(job(), withTask({ driver: "other" }))).toEqual([`${TASK}driver`]);
  expect(tell(job(), withTask({ user: "other" }))).toEqual([`${TASK}user`]);
});

test("a machine's own processors are known in what counts by its value", () => {
  const bound = { ...context, store: { lastLaunch: () => ({ limits: { cores: [2, 3] } }) } as never };
  const of = (who: string): Job =>
    job({ config: 'args = ["-name", "${NOMAD_CPU_CORES} ${NOMAD_META_who}"]', task: `meta { who = "${who}" }` });
  expect(reasonsToReplace(bound, allocation(), of("a"), of("b")).map(reasonText)).toEqual([`${TASK}config.args`]);
});

test("`${…}` in dns counts by its value: QEMU was given it", () => {
  const of = (meta: string): Text => ({
    network: 'dns { servers = ["${NOMAD_META_dns}"] }',
    task: `meta { dns = "${meta}" }`,
  });
  expect(reasons(of("192.0.2.1"), of("192.0.2.1"))).toEqual([]);
  expect(reasons(of("192.0.2.1"), of("192.0.2.2"))).toEqual([`${TASK}network.dns`]);
});

test("`${…}` counts by its value, whether or not its name is known", () => {
  const config = 'args = ["-smbios", "type=1,serial=${NOMAD_META_who}${env["E"]}"]';
  const of = (meta: string, env: string): Text => ({ config, task: `meta { who = "${meta}" }\n env { E = "${env}" }` });
  expect(reasons(of("a", "b"), of("a", "b"))).toEqual([]);
  expect(reasons(of("ab", "c"), of("a", "bc"))).toEqual([]);
  expect(reasons(of("a", "b"), of("a", "c"))).toEqual([`${TASK}config.args`]);
  expect(reasons({ config }, of("a", "c"))).toEqual([`${TASK}config.args`, `${TASK}config`]);
  expect(reasons({ config }, { config, task: 'kill_timeout = "7s"' })).toEqual([]);
  const artifact = 'artifact { source = "http://example.org/${NOMAD_META_who}" }';
  const fetched = (who: string): Text => ({ task: `${artifact}\n meta { who = "${who}" }` });
  expect(reasons(fetched("a"), fetched("b"))).toEqual([`${TASK}artifact`]);
});

const template = (data: string, more = ""): string => `template {
  data        = ${JSON.stringify(data)}
  destination = "local/x"
  ${more}
}`;

test("a template counts by what it comes to, and not by when it would be rendered again", () => {
  const of = (data: string, more = ""): Text => ({ task: template(data, more) });
  const changes = 'change_mode = "noop"\n splay = "1m"\n once = true';
  expect(reasons(of("x"), of("x", changes))).toEqual([]);
  expect(reasons(of("x"), of('{{ "x" }}'))).toEqual([]);
  expect(reasons(of("x"), of("y"))).toEqual([`${TASK}template`]);
  expect(reasons(of("x"), of("x", 'perms = "0600"'))).toEqual([`${TASK}template`]);
  expect(reasons({}, of("x"))).toEqual([`${TASK}template`]);
  const using = (who: string): Text => ({ task: `${template('{{ env "WHO" }}')}\n env { WHO = "${who}" }` });
  expect(reasons(using("a"), using("b"))).toEqual([`${TASK}template`]);
  expect(reasons(using("a"), using("a"))).toEqual([]);
  const fetched = (who: string): Text => ({
    task: `template {\n source = "local/t"\n destination = "local/x"\n}\n env { WHO = "${who}" }`,
  });
  expect(reasons(fetched("a"), fetched("b"))).toEqual([`${TASK}template`]);
  expect(reasons(fetched("a"), fetched("a"))).toEqual([]);
});

test("the templates of a task share what they may do: what comes behind too much of it is not rendered, whatever it says", () => {
  const of = (last: string): Text => {
    const texts = ["", "", last].map((text) => `{{ range loop 400000 }}{{ end }}${text}`);
    return { task: texts.map((text, at) => template(text).replace("local/x", `local/${at}`)).join("\n") };
  };
  expect(reasons(of("a"), of("b"))).toEqual([]);
});

test("a variable of a template that args name is a part of them", () => {
  const of = (serial: string): Text => ({
    config: 'args = ["-smbios", "type=1,serial=${SERIAL}"]',
    task: template(`SERIAL=${serial}`, "env = true"),
  });
  expect(reasons(of("a"), of("b"))).toEqual([`${TASK}config.args`, `${TASK}template`]);
});

test("a group or task that the new version has not is a reason", () => {
  const one = job();
  const group = { ...one, groups: one.groups.map((it) => ({ ...it, name: "other" })) };
  expect(tell(one, group)).toEqual(["the group"]);
  const task = { ...one, groups: one.groups.map((it) => ({ ...it, tasks: [] })) };
  expect(tell(one, task)).toEqual(['task "vm"']);
});
