import { describe, expect, test } from "bun:test";
import { HOUR, MINUTE, SECOND } from "../../../src/base/units.ts";
import type { Job, Task } from "../../../src/job/job.ts";
import { loadJob } from "../../../src/job/load.ts";

/** A job with one machine, with something more in the job, its group or its task. */
function source({ job = "", group = "", task = "", config = "" } = {}): string {
  return `
job "web" {
  ${job}
  group "one" {
    ${group}
    task "vm" {
      driver = "qemu"
      ${task}
      config {
        image_path = "local/linux.img"
        ${config}
      }
    }
  }
}`;
}

function read(text: string): Job {
  const { job, diagnostics } = loadJob("web.hcl", text);
  if (job === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return job;
}

function taskOf(job: Job): Task {
  const task = job.groups[0]?.tasks[0];
  if (task === undefined) throw new Error("no task");
  return task;
}

describe("the documentation of Nomad's qemu driver", () => {
  test("its first example is read as it stands", () => {
    const { job, diagnostics } = loadJob(
      "webservice.hcl",
      `job "webservice" {
        task "webservice" {
          driver = "qemu"
          config {
            image_path = "/path/to/my/linux.img"
            accelerator = "kvm"
            graceful_shutdown = true
            args = ["-nodefaults", "-nodefconfig"]
          }
        }
      }`,
    );
    expect(diagnostics).toEqual([]);
    expect(job?.groups[0]).toMatchObject({ name: "webservice", tasks: [{ name: "webservice", driver: "qemu" }] });
    expect(job?.groups[0]?.tasks[0]?.config).toEqual({
      image_path: "/path/to/my/linux.img",
      accelerator: "kvm",
      machine_type: "pc",
      emulator: "x86_64",
      drive_interface: "ide",
      graceful_shutdown: true,
      guest_agent: false,
      args: ["-nodefaults", "-nodefconfig"],
      port_map: {},
    });
  });

  test("its checksum is refused with the number of digits that md5 needs", () => {
    const { job, diagnostics } = loadJob(
      "virtual.hcl",
      source({
        task: `artifact {
          source = "https://internal.file.server/linux.img"
          options {
            checksum = "md5:123445555555555"
          }
        }`,
      }),
    );
    expect(job).toBeUndefined();
    expect(diagnostics.map(({ message }) => message)).toEqual([
      "options.checksum must have 32 hex digits for md5, found 15",
    ]);
  });

  test("its constraint is kept as it is written, with a note", () => {
    const { job, diagnostics } = loadJob(
      "web.hcl",
      source({ job: 'constraint {\nattribute = "${driver.qemu.version}"\noperator = ">"\nvalue = "1.2.3"\n}' }),
    );
    expect(job?.constraints).toEqual([{ attribute: "${driver.qemu.version}", operator: ">", value: "1.2.3" }]);
    expect(diagnostics).toMatchObject([{ severity: "warning", hint: "write ${attr.driver.qemu.version}" }]);
  });
});

describe("defaults", () => {
  test("are Nomad's, but for a disk, which moves along", () => {
    const job = read(source());
    expect(job).toMatchObject({
      id: "web",
      name: "web",
      type: "service",
      region: "global",
      namespace: "default",
      datacenters: ["*"],
      priority: 50,
    });
    expect(job.groups[0]).toMatchObject({
      count: 1,
      restart: { attempts: 2, interval: 30 * MINUTE, delay: 15 * SECOND, mode: "fail" },
      ephemeral_disk: { size: 300, sticky: true, migrate: false },
      shutdown_delay: 0,
    });
    expect(taskOf(job)).toMatchObject({
      kill_timeout: 5 * SECOND,
      kill_signal: "",
      shutdown_delay: 0,
      resources: { cpu: 100, cores: 0, memory: 300, memory_max: 0, networks: [] },
      logs: { max_files: 10, max_file_size: 10, disabled: false },
    });
  });

  test.each(["batch", "sysbatch"])("a %s job is restarted three times a day", (type) => {
    expect(read(source({ job: `type = "${type}"` })).groups[0]?.restart).toEqual({
      attempts: 3,
      interval: 24 * HOUR,
      delay: 15 * SECOND,
      mode: "fail",
    });
  });

  test("a task's restart policy is written over its group's", () => {
    const job = read(
      source({ group: 'restart {\ninterval = "1h"\ndelay = "1s"\n}', task: "restart {\nattempts = 7\n}" }),
    );
    expect(taskOf(job).restart).toEqual({ attempts: 7, interval: HOUR, delay: SECOND, mode: "fail" });
  });

  test("cores take the place of cpu", () => {
    expect(taskOf(read(source({ task: "resources {\ncores = 2\n}" }))).resources).toMatchObject({ cpu: 0, cores: 2 });
  });

  test("an artifact goes into local/, or with mode file to its own name there", () => {
    const artifact = (more: string) => `artifact {\nsource = "https://example.org/a/b.img"\n${more}\n}`;
    const destinationOf = (more: string) => taskOf(read(source({ task: artifact(more) }))).artifacts[0]?.destination;
    expect(destinationOf("")).toBe("local/");
    expect(destinationOf('mode = "file"')).toBe("local/b.img");
    expect(destinationOf('destination = "local/disks"')).toBe("local/disks");
  });
});

describe("what may be written in several ways", () => {
  test.each([
    ["port_map = { ssh = 22 }"],
    ["port_map {\nssh = 22\n}"],
    ["port_map = [{ ssh = 22 }]"],
    ['port_map {\nssh = "22"\n}'],
    ["port_map {\nssh = 80\n}\nport_map {\nssh = 22\n}"],
  ])("%s maps port ssh to 22", (config) => {
    const job = read(source({ config, group: 'network {\nport "ssh" {}\n}' }));
    expect(taskOf(job).config.port_map).toEqual({ ssh: 22 });
  });

  test.each([
    ['version = ">= 7"', "version", ">= 7"],
    ['semver = "7.2.0"', "semver", "7.2.0"],
    ['set_contains = "a,b"', "set_contains", "a,b"],
    ['set_contains_any = "a,b"', "set_contains_any", "a,b"],
    ['value = "x"', "=", "x"],
    ['operator = "!="\nvalue = "x"', "!=", "x"],
  ])("a constraint with %s", (form, operator, value) => {
    const job = read(source({ job: `constraint {\nattribute = "\${attr.x}"\n${form}\n}` }));
    expect(job.constraints).toEqual([{ attribute: "${attr.x}", operator, value }]);
  });

  test.each([
    ['version = "1"\nregexp = "2"', "version and regexp are two conditions"],
    ['version = "1"\noperator = "="', "version is itself an operator"],
    ['version = "1"\nvalue = "2"', "version holds the value already"],
  ])("a constraint with %s says two things at once", (form, message) => {
    const { job, diagnostics } = loadJob(
      "a.hcl",
      source({ job: `constraint {\nattribute = "\${attr.x}"\n${form}\n}` }),
    );
    expect(job).toBeUndefined();
    expect(diagnostics.map((found) => found.message)).toContain(message);
  });

  test("the emulator is known by its name with and without qemu-system-", () => {
    expect(taskOf(read(source({ config: 'emulator = "qemu-system-aarch64"' }))).config.emulator).toBe("aarch64");
    expect(taskOf(read(source({ config: 'emulator = "aarch64"' }))).config.emulator).toBe("aarch64");
  });

  test("logs are disabled by either word", () => {
    expect(taskOf(read(source({ task: "logs {\nenabled = false\n}" }))).logs.disabled).toBe(true);
    expect(taskOf(read(source({ task: "logs {\ndisabled = true\n}" }))).logs.disabled).toBe(true);
  });

  test("what is known at run time only stays as it is written", () => {
    const config =
      'args = ["-name", "${NOMAD_TASK_NAME}-${ attr.cpu.arch }", meta.extra]\nmachine_type = "${meta.machine}"';
    const { config: found } = taskOf(read(source({ config })));
    expect(found.args).toEqual(["-name", "${NOMAD_TASK_NAME}-${ attr.cpu.arch }", "${meta.extra}"]);
    expect(found.machine_type).toBe("${meta.machine}");
  });
});

describe("the text", () => {
  test("is JSON when it begins with a brace, after a byte order mark or white space, too", () => {
    const json = '{"Job": {"ID": "a", "TaskGroups": []}}';
    for (const text of [json, ` \n${json}`, `\ufeff${json}`, new TextEncoder().encode(`\ufeff\n${json}`)]) {
      expect(loadJob("a", text).format).toBe("json");
    }
    expect(loadJob("a", source()).format).toBe("hcl2");
  });

  test("that is no text is refused", () => {
    const { job, diagnostics } = loadJob("a.hcl", new Uint8Array([0x6a, 0xff]));
    expect(job).toBeUndefined();
    expect(diagnostics[0]?.message).toContain("not valid UTF-8");
  });

  test("of another driver's task is refused for its driver, not for its config", () => {
    const { diagnostics } = loadJob(
      "redis.hcl",
      'job "a" {\n  task "redis" {\n    driver = "docker"\n    config {\n      image = "redis"\n      ports = ["db"]\n    }\n  }\n}',
    );
    expect(diagnostics.map(({ message }) => message)).toEqual(['driver must be "qemu", found "docker"']);
    const without = loadJob("redis.hcl", 'job "a" {\n  task "redis" {\n    driver = "docker"\n  }\n}');
    expect(without.diagnostics.map(({ message }) => message)).toEqual(['driver must be "qemu", found "docker"']);
  });

  test.each(["version", "semver"])("whose constraint %s lacks its value is told that alone", (operator) => {
    const constraint = `constraint {\n  attribute = "a"\n  operator = "${operator}"\n}\n`;
    const { diagnostics } = loadJob("a.hcl", `job "a" {\n${constraint}}\n`);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      "a job needs a group",
      `value must be set for operator ${operator}`,
    ]);
  });

  test("whose dynamic block has two contents is refused", () => {
    const twice = 'dynamic "group" {\n  for_each = []\n  content {\n  }\n  content {\n  }\n}\n';
    const { diagnostics } = loadJob("a.hcl", `job "a" {\n${twice}}\n`);
    expect(diagnostics.map(({ message }) => message)).toContain("content stands twice");
  });

  test("that cannot be read to its end is not said to declare no variable of a given name", () => {
    const variables = { flags: [{ name: "a", text: "1", by: "-var" }] };
    const { diagnostics } = loadJob("a.hcl", 'job "a {\n', { variables });
    expect(diagnostics.map(({ message }) => message)).not.toContainEqual(expect.stringContaining("declares none"));
  });
});

test("a text of HCL's JSON syntax is a template to its end, whatever stands in it", () => {
  const value = '${1}\nend-of-the-text-of-a-string\n$${x} ${upper("a")}';
  const { diagnostics } = loadJob("a.json", JSON.stringify({ job: { a: { type: value } } }));
  expect(diagnostics.map(({ message }) => message)).toContain(
    'type must be one of service, batch, system, sysbatch, found "1\\x0aend-of-the-text-of-a-string\\x0a${x} A"',
  );
});
