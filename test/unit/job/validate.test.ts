import { describe, expect, test } from "bun:test";
import type { Diagnostic } from "../../../src/hcl/diagnostic.ts";
import { createReporter } from "../../../src/hcl/places.ts";
import type { Artifact, Constraint, Group, Job, Network, Port, QemuConfig, Task } from "../../../src/job/job.ts";
import { loadJob } from "../../../src/job/load.ts";
import { validateJob } from "../../../src/job/validate.ts";

const PLAIN = loadJob(
  "plain.hcl",
  'job "plain" {\n  task "vm" {\n    driver = "qemu"\n    config {\n      image_path = "local/a.img"\n    }\n  }\n}',
).job as Job;
const GROUP = PLAIN.groups[0] as Group;
const TASK = GROUP.tasks[0] as Task;

function problems(job: Job, severity: Diagnostic["severity"] = "error"): string[] {
  const diagnostics: Diagnostic[] = [];
  validateJob(job, createReporter(new Map(), diagnostics));
  return diagnostics.filter((found) => found.severity === severity).map(({ message }) => message);
}

const withGroup = (change: Partial<Group>): Job => ({ ...PLAIN, groups: [{ ...GROUP, ...change }] });
const withTask = (change: Partial<Task>): Job => withGroup({ tasks: [{ ...TASK, ...change }] });
const withConfig = (change: Partial<QemuConfig>): Job => withTask({ config: { ...TASK.config, ...change } });
const withResources = (change: Partial<Task["resources"]>): Job =>
  withTask({ resources: { ...TASK.resources, ...change } });

const NETWORK: Network = { mode: "", hostname: "", dns: { servers: [], searches: [], options: [] }, ports: [] };
const withNetwork = (change: Partial<Network>): Job => withGroup({ networks: [{ ...NETWORK, ...change }] });
const port = (label: string, change: Partial<Port> = {}): Port => ({
  label,
  static: 0,
  to: 0,
  host_network: "default",
  ...change,
});

const ARTIFACT: Artifact = {
  source: "https://example.org/a.img",
  destination: "local/",
  mode: "any",
  options: {},
  headers: {},
  insecure: false,
};
const withArtifact = (change: Partial<Artifact>): Job => withTask({ artifacts: [{ ...ARTIFACT, ...change }] });
const withChecksum = (checksum: string): Job => withArtifact({ options: { checksum } });

const withConstraint = (attribute: string, operator: string, value = ""): Job => ({
  ...PLAIN,
  constraints: [{ attribute, operator, value } satisfies Constraint],
});

test("a plain job has nothing wrong with it", () => {
  expect(problems(PLAIN)).toEqual([]);
  expect(problems(PLAIN, "warning")).toEqual([]);
});

describe("names", () => {
  test.each([
    ["job id", { ...PLAIN, id: "a b" }, "id must hold no space"],
    ["job id", { ...PLAIN, id: "" }, "id must be set"],
    ["job id", { ...PLAIN, id: "." }, 'id must not be "."'],
    ["job id", { ...PLAIN, id: ".." }, 'id must not be ".."'],
    ["job id", { ...PLAIN, id: "ä".repeat(513) }, "id must be at most 1024 bytes long, found 1026"],
    ["job id", { ...PLAIN, id: "a\nb" }, "id must hold no comma and no control character"],
    ["group", withGroup({ name: "a,b" }), "groups[0].name must hold no comma"],
    ["task", withTask({ name: "a\u0000" }), "name must hold no comma and no control character"],
    ["task", withTask({ name: "a/b" }), "name must hold no slash"],
    ["task", withTask({ name: "a\\b" }), "name must hold no slash"],
    ["task", withTask({ name: "alloc" }), 'name must not be "alloc"'],
    ["task", withTask({ name: ".." }), 'name must not be ".."'],
    ["task", withTask({ name: "ä".repeat(101) }), "name must be at most 200 bytes long, found 202"],
    ["port", withNetwork({ ports: [port("a,hostfwd=tcp::1-:2")] }), "label must hold no comma"],
  ])("a %s with what is unsafe in it is refused (%#)", (_, job, message) => {
    expect(problems(job).join("\n")).toContain(message);
  });

  test("a job's name may be any text on one line", () => {
    expect(problems({ ...PLAIN, name: "Größe 2 – staging" })).toEqual([]);
  });

  test("datacenters name something", () => {
    expect(problems({ ...PLAIN, datacenters: [] })).toEqual(["datacenters must name a datacenter"]);
    expect(problems({ ...PLAIN, datacenters: ["dc1", ""] })).toEqual(["datacenters[1] must be set"]);
  });
});

test("groups of a job and tasks of a group differ in their names", () => {
  expect(problems({ ...PLAIN, groups: [GROUP, GROUP] })).toContain(
    'groups[1].name must differ from the other groups\' names, found "vm" again',
  );
  expect(problems(withGroup({ tasks: [TASK, TASK] }))).toContain(
    'groups[0].tasks[1].name must differ from the other tasks\' names, found "vm" again',
  );
});

describe("restart", () => {
  const restart = (change: Partial<Group["restart"]>) => {
    const policy = { ...GROUP.restart, ...change };
    return withGroup({ restart: policy, tasks: [{ ...TASK, restart: policy }] });
  };

  test.each([
    [{ interval: 4_999_999_999 }, ["groups[0].restart.interval must be 5s or more, found 4.999999999s"]],
    [{ interval: 5_000_000_000, attempts: 1, delay: 5_000_000_000 }, []],
    [{ attempts: 0 }, []],
    [{ attempts: 0, interval: 0 }, []],
    [{ attempts: 0, mode: "delay" as const }, ['groups[0].restart.mode must be "fail" when attempts is 0']],
  ])("%j", (change, found) => {
    expect(problems(restart(change))).toEqual(found);
  });

  test("attempts and their delays fit into the interval", () => {
    expect(problems(restart({ attempts: 10, delay: 60e9, interval: 599e9 }))[0]).toContain("must be 10m0s or more");
    expect(problems(restart({ attempts: 10, delay: 60e9, interval: 600e9 }))).toEqual([]);
  });

  test("a task's own policy is checked, too", () => {
    expect(problems(withTask({ restart: { ...TASK.restart, interval: 1 } }))[0]).toStartWith(
      "groups[0].tasks[0].restart.interval must be 5s or more",
    );
  });
});

describe("resources", () => {
  test.each([
    [{ memory: 127 }, "resources.memory must be from 128 to 4000000 MiB for a machine, found 127"],
    [{ memory: 4_000_001 }, "resources.memory must be from 128 to 4000000"],
    [{ memory: 512, memory_max: 511 }, "resources.memory_max must be memory (512) or more, found 511"],
    [{ cpu: 0 }, "resources.cpu must be 1 or more, found 0"],
    [{ cpu: 100, cores: 1 }, "a task asks for cpu or for cores, not for both"],
  ])("%j is refused", (change, message) => {
    expect(problems(withResources(change)).join("\n")).toContain(message);
  });

  test.each([
    [{ memory: 128 }],
    [{ memory: 4_000_000 }],
    [{ memory: 512, memory_max: 512 }],
    [{ memory: 512, memory_max: -1 }],
    [{ cpu: 0, cores: 1 }],
  ])("%j is accepted", (change) => {
    expect(problems(withResources(change))).toEqual([]);
  });

  test("logs must be less than the group's disk", () => {
    const logs = (max_files: number, max_file_size: number) =>
      problems(withTask({ logs: { max_files, max_file_size, disabled: false } }));
    expect(logs(30, 10)[0]).toContain("logs may grow to 300 MB");
    expect(logs(29, 10)).toEqual([]);
    expect(problems(withTask({ logs: { max_files: 30, max_file_size: 10, disabled: true } }))).toEqual([]);
  });
});

describe("config", () => {
  test.each([
    [{ accelerator: "tcg,kernel=/etc/shadow" }, 'accelerator must be one of tcg, kvm, found "tcg,kernel=/etc/shadow"'],
    [{ accelerator: "xen" }, "accelerator must be one of tcg, kvm"],
    [{ drive_interface: "nvme" }, "one of ide, scsi, sd, mtd, floppy, pflash, virtio, none, found"],
    [{ machine_type: "pc,accel=kvm" }, "machine_type must hold only letters"],
    [{ machine_type: "" }, "machine_type must hold only letters"],
    [{ emulator: "../../bin/sh" }, "emulator must hold only letters"],
    [{ image_path: "" }, "image_path must be set"],
    [{ image_path: "a\nb" }, "image_path must hold no control character"],
    [{ args: ["-a", "b\u0000c"] }, "args[1] must hold no NUL"],
    [{ disk: "overlay", disk_size: "1000" }, 'disk_size must be a size such as "20GiB"'],
    [{ disk: "overlay", disk_size: "0.75K" }, "a multiple of 512 bytes"],
    [{ disk_size: "0G" }, "disk_size must be a size"],
    [{ disk: "direct", disk_size: "1G" }, "disk_size needs a disk of its own: this image is used in place"],
    [{ image_path: "/images/a.img", disk_size: "1G" }, "disk_size needs a disk of its own"],
    [{ port_map: { ssh: 22 } }, 'port_map names port "ssh", which no network block has: this group has none'],
  ] satisfies [Partial<QemuConfig>, string][])("%j is refused", (change: Partial<QemuConfig>, message) => {
    expect(problems(withConfig(change)).join("\n")).toContain(message);
  });

  test.each([
    [{ accelerator: "${meta.accelerator}" }],
    [{ drive_interface: "virtio", machine_type: "pc-q35-7.2", emulator: "riscv64" }],
    [{ image_path: "local/a,b.img" }],
    [{ args: ["-append", "a\nb"] }],
    [{ disk: "direct" }],
    [{ disk: "copy", disk_size: "1.5 GiB" }],
    [{ disk_size: "${meta.size}" }],
    [{ image_path: "/images/a.img", disk: "overlay", disk_size: "1T" }],
  ] satisfies [Partial<QemuConfig>][])("%j is accepted", (change: Partial<QemuConfig>) => {
    expect(problems(withConfig(change))).toEqual([]);
  });

  test("a guest agent that will not be asked is told", () => {
    const warnings = (change: Partial<QemuConfig>) => problems(withConfig(change), "warning");
    expect(warnings({ guest_agent: true, graceful_shutdown: false })[0]).toContain("graceful_shutdown is false");
    expect(warnings({ guest_agent: true, graceful_shutdown: true })).toEqual([]);
  });

  test("port_map may name ports of the group's network and of the task's", () => {
    const config = { ...TASK.config, port_map: { a: 1, b: 2 } };
    const resources = { ...TASK.resources, networks: [{ ...NETWORK, ports: [port("b")] }] };
    const job = withGroup({
      networks: [{ ...NETWORK, ports: [port("a")] }],
      tasks: [{ ...TASK, config, resources }],
    });
    expect(problems(job)).toEqual([]);
  });
});

describe("network", () => {
  test("labels and static ports are one set for the group and its tasks", () => {
    const own = { ...NETWORK, ports: [port("a", { static: 22 })] };
    const resources = { ...TASK.resources, networks: [{ ...NETWORK, ports: [port("a"), port("b", { static: 22 })] }] };
    expect(problems(withGroup({ networks: [own], tasks: [{ ...TASK, resources }] }))).toEqual([
      'port "a" stands twice in this group',
      "groups[0].tasks[0].resources.networks[0].ports[1].static must differ from the other ports, found 22 again",
    ]);
  });

  test.each([
    [{ hostname: "a_b" }, "hostname must be a host name"],
    [{ hostname: "a,guestfwd=x" }, "hostname must hold no comma"],
    [{ dns: { ...NETWORK.dns, searches: ["a\nb"] } }, "dns.searches[0] must hold no comma"],
    [{ dns: { ...NETWORK.dns, servers: [""] } }, "dns.servers[0] must be set"],
    [{ mode: "none" }, 'mode "none" is not supported yet'],
    [{ mode: "briddge" }, "mode must be host or bridge"],
    [{ ports: [port("a", { host_network: "l,an" })] }, "host_network must"],
  ])("%j is refused", (change, message) => {
    expect(problems(withNetwork(change)).join("\n")).toContain(message);
  });

  test("a host name with what is known at run time is accepted, and bridge mode warns", () => {
    expect(problems(withNetwork({ hostname: "vm-${NOMAD_ALLOC_INDEX}.example.org", mode: "bridge" }))).toEqual([]);
    expect(problems(withNetwork({ mode: "bridge" }), "warning")[0]).toContain('mode "bridge" has no effect');
  });
});

describe("artifact", () => {
  const digits = (count: number) => "a".repeat(count);

  test.each([
    ["md5", 32],
    ["sha1", 40],
    ["sha256", 64],
    ["sha512", 128],
  ])("a %s checksum has %i hex digits", (type, length) => {
    expect(problems(withChecksum(`${type}:${digits(length)}`))).toEqual([]);
    expect(problems(withChecksum(`${type}:${digits(length - 1)}`))[0]).toEndWith(
      `must have ${length} hex digits for ${type}, found ${length - 1}`,
    );
    expect(problems(withChecksum(`${type}:g${digits(length - 1)}`))[0]).toContain("must hold only hex digits");
  });

  test.each([
    ["", "must have the form type:hex"],
    [digits(64), "must have the form type:hex"],
    [`sha256:${digits(64)}:x`, "must have the form type:hex"],
    ["file:SHA256SUMS", "checksum of a file: a source without a scheme"],
    ["file:", "checksum of a file: its name must be set"],
    ["file:git::https://example.org/a", "must name one file behind file:"],
    ["file:https://example.org/a.tar//SHA256SUMS", "must name one file behind file:"],
    [`SHA256:${digits(64)}`, "must be of type md5, sha1, sha256, sha512 or file"],
    ["constructor:aa", "must be of type md5"],
  ])("the checksum %p is refused", (checksum, message) => {
    expect(problems(withChecksum(checksum)).join("\n")).toContain(message);
  });

  test.each([
    "file:https://example.org/SHA256SUMS",
    "file:/srv/SHA256SUMS",
    "file:s3::https://s3.amazonaws.com/b/SHA256SUMS",
  ])("the checksum %p is accepted", (checksum) => {
    expect(problems(withChecksum(checksum))).toEqual([]);
  });

  test("a checksum that is known at run time is not judged yet", () => {
    expect(problems(withChecksum("sha256:${meta.digest}"))).toEqual([]);
  });

  test.each([
    ["local/../../..", false],
    ["../..", false],
    ["local/../../x", true],
    ["local/..", true],
    ["/etc", true],
    ["${NOMAD_ALLOC_DIR}/data", true],
    ["local/a\u0000b", false],
  ])("the destination %p: accepted %p", (destination, accepted) => {
    expect(problems(withArtifact({ destination })).length === 0).toBe(accepted);
  });

  test.each([
    ["", "source must be set"],
    ["example.org/a.img", "a source without a scheme"],
    ["hg::https://example.org/a", "sources of hg:: are not supported"],
    ["gs://bucket/a.img", "sources of gcs:: are not supported"],
  ])("the source %p is refused", (source, message) => {
    expect(problems(withArtifact({ source })).join("\n")).toContain(message);
  });

  test("no message repeats a source", () => {
    expect(problems(withArtifact({ source: "ftp://me:secret@example.org/a" })).join("\n")).not.toContain("secret");
  });
});

describe("constraint", () => {
  test.each([
    ["${attr.kernel.name}", "=", "linux"],
    ["${meta.a}", "is_set", ""],
    ["${node.datacenter}", "set_contains_any", "dc1,dc2"],
    ["", "distinct_hosts", ""],
    ["${attr.rack}", "distinct_property", "2"],
    ["literal", "!=", "x"],
  ])("%s %s %s is accepted", (attribute, operator, value) => {
    expect(problems(withConstraint(attribute, operator, value))).toEqual([]);
  });

  test.each([
    ["${attr.a}", "=>", "1", "operator must be one of"],
    ["", "=", "1", "attribute must be set for operator ="],
    ["${attr.a}", ">", "", "value must be set for operator >"],
    ["${attr.a}", "is_set", "x", "value must be empty for operator is_set"],
    ["${attr.a}", "regexp", "^a", "operator regexp is not supported yet"],
    ["${attr.a}", "distinct_property", "0", "value must be a number"],
    ["$attr.a", "=", "1", "attribute must be one of"],
    ["${kernel.name}", "=", "1", "attribute must be one of"],
    ["${attr.}", "=", "1", "attribute must be one of"],
    ["${attr.a} ", "=", "1", "attribute must be one of"],
  ])("%s %s %s is refused", (attribute, operator, value, message) => {
    expect(problems(withConstraint(attribute, operator, value)).join("\n")).toContain(message);
  });

  test("the documentation's spelling is accepted with a note", () => {
    const job = withConstraint("${driver.qemu.version}", ">", "1.2.3");
    expect(problems(job)).toEqual([]);
    expect(problems(job, "warning")).toHaveLength(1);
  });

  test("a task has no constraint about copies of its group", () => {
    const job = withTask({ constraints: [{ attribute: "", operator: "distinct_hosts", value: "" }] });
    expect(problems(job)).toEqual(["distinct_hosts belongs to a job or group, not to a task"]);
  });
});

describe("what is not there yet is refused by name", () => {
  test.each([
    [{ ...PLAIN, groups: [] }, "a job needs a group"],
    [{ ...PLAIN, groups: [GROUP, { ...GROUP, name: "two" }] }, "several groups are not supported yet"],
    [withGroup({ count: 2 }), "several copies of a group are not supported yet"],
    [withGroup({ tasks: [] }), "a group needs a task"],
    [withGroup({ tasks: [TASK, { ...TASK, name: "two" }] }), "several tasks in a group are not supported yet"],
    [withTask({ user: "nobody" }), "user is not supported yet"],
    [withTask({ driver: "docker" }), 'driver must be "qemu", found "docker"'],
  ])("%#", (job, message) => {
    expect(problems(job).join("\n")).toContain(message);
  });

  test("a group may have no copies", () => {
    expect(problems(withGroup({ count: 0 }))).toEqual([]);
  });
});

test("what means nothing on one host warns", () => {
  const warnings = problems({ ...withTask({ kill_signal: "SIGINT" }), region: "eu", namespace: "x" }, "warning");
  expect(warnings.map((message) => message.split(" has no effect")[0])).toEqual([
    'region "eu"',
    'namespace "x"',
    "kill_signal",
  ]);
});
