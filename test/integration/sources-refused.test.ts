import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { AppError } from "../../src/base/errors.ts";
import type { Job } from "../../src/job/job.ts";
import { allocsDir } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { demoJob, machineOf } from "../helpers/in-process-agent.ts";
import { refusal } from "../helpers/refusal.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
let own: string;
beforeEach(async () => {
  own = bed.dir.file("own");
  mkdirSync(own);
  symlinkSync("/etc", `${own}/link`);
  await bed.restart(undefined, { sources: { filePaths: [own] } });
});

const jobOf = (...artifacts: readonly string[]): Job =>
  demoJob("local/disk.img", { task: artifacts.map((text) => `artifact {\n ${text}\n }`).join("\n") });

async function expectRefusal(job: Job): Promise<AppError> {
  const error = await refusal(bed.agent.registerJob(job, null, {}));
  expect(error.code).toBe("unplaceable");
  expect(bed.agent.jobs("")).toEqual([]);
  expect(existsSync(allocsDir(bed.dirs))).toBe(false);
  return error;
}

describe("a job is refused when it is submitted, and told when it is validated, for", () => {
  test.each([
    ["/etc/shadow", "/etc/shadow is not in a directory of client.artifact.file_paths"],
    ["file:///nothing/there", "/nothing/there is not in a directory of"],
    ["OWN/link/passwd", "link/passwd is not in a directory of"],
    ["OWN/../elsewhere", "is not in a directory of"],
    ["file://OWN/x%2f..%2f..%2felsewhere", "is not in a directory of"],
    ["git::/etc", "/etc is not in a directory of"],
    ["git::https://h/r?depth=x", "depth: expected a whole number"],
    ["s3::https://h/b/o?aws_profile=me", "aws_profile is not supported"],
  ])("an artifact of %s", async (source, message) => {
    const job = jobOf(`source = "${source.replace("OWN", own)}"`);
    const error = await expectRefusal(job);
    expect(error.message).toContain(message);
    expect(error.message).toContain('\n  group "g", task "vm": artifact ');
    expect(bed.agent.validateJob(job).warnings.join("\n")).toContain(message);
  });

  test("a list of checksums that lies where no job may look, and every artifact that is refused at once", async () => {
    const job = jobOf(
      'source = "http://h/a.img"\n options {\n checksum = "file:/etc/passwd"\n }',
      'source = "/root/b.img"',
      `source = "${own}/c.img"`,
    );
    const { message, hint } = await expectRefusal(job);
    expect(message).toContain("/etc/passwd is not in a directory of");
    expect(message).toContain("/root/b.img is not in a directory of");
    expect(message).not.toContain("c.img");
    expect(hint).toContain("add its directory there");
    expect(bed.agent.validateJob(job).warnings).toHaveLength(2);
  });
});

describe("two artifacts that would be written to the same place are refused", () => {
  const from = (name: string, more = ""): string => `source = "http://h/${name}"\n${more}`;
  test.each([
    ["the same name", from("x"), from("y/x"), "local/x"],
    ["the name that the other has until it is whole", from("x"), from("x.part"), "local/x"],
    ["the same, the other way round", from("x.part"), from("x"), "local/x"],
    ["the name of what the other is unpacked to", from("x.xz"), from("x"), "local/x"],
    ["a file, and a directory of that name", from("x"), from("y", 'destination = "local/x/"'), "local/x"],
    ["the same archive twice", from("x.tar"), from("x.tar"), "local/.archive-"],
  ])("%s", async (_, one, other, path) => {
    const { message, hint } = await expectRefusal(jobOf(one, other));
    expect(message).toMatch(/artifacts http:\/\/h\/\S+ and http:\/\/h\/\S+ would both be written to /);
    expect(message).toContain(`written to vm/${path}`);
    expect(hint).toBe("give one of them another destination");
    expect(bed.agent.validateJob(jobOf(one, other)).warnings).toHaveLength(1);
  });

  test("and others are not", () => {
    const apart = jobOf(from("x"), from("x.parts"), from("x.part", 'destination = "local/y"'), from("x.tar"));
    expect(bed.agent.validateJob(apart).warnings).toEqual([]);
  });

  test("and so is one that lies where a template is made", async () => {
    const template = 'template {\n data = "a"\n destination = "local/x"\n }';
    const job = demoJob("local/disk.img", { task: `artifact {\n ${from("x.part")}\n }\n${template}` });
    const { message } = await expectRefusal(job);
    expect(message).toContain("would be written to vm/local/x.part, where the template local/x is made");
  });

  test("when the machine starts, where that is known only then", async () => {
    const task = [from("x"), from("${NOMAD_PORT_web}/x")].map((text) => `artifact {\n ${text}\n }`).join("\n");
    const group = 'network {\n port "web" {}\n }';
    await bed.agent.registerJob(demoJob("local/disk.img", { task, group }), null, {});
    const { ending } = await machineOf(bed.agent, "ended");
    expect(ending.message).toContain("would both be written to");
  });
});

test("a file that the configuration lets jobs have may come before the job starts, and what hangs on the allocation is looked at then", async () => {
  const job = jobOf(`source = "${own}/disk.img"`);
  expect(bed.agent.validateJob(job).warnings).toEqual([]);
  await bed.agent.registerJob(job, null, {});
  expect((await machineOf(bed.agent, "ended")).ending.message).toContain("no such file");
  const later = jobOf(`source = "/etc/\${NOMAD_PORT_web}"`);
  expect(bed.agent.validateJob(later).warnings).toEqual([]);
});

test("a job that still runs, while what was to take its place waits, is taken back whatever the configuration says by now", async () => {
  writeFileSync(`${own}/disk.img`, demoDisk());
  const task = `artifact {\n source = "${own}/disk.img"\n }`;
  const running = demoJob("local/disk.img", { task });
  await bed.agent.registerJob(running, null, {});
  await machineOf(bed.agent, "running");
  const large = demoJob("local/disk.img", { task, group: "ephemeral_disk {\n size = 999999999\n }" });
  expect((await bed.agent.registerJob(large, null, {})).job.waiting).toBeDefined();
  await bed.restart();
  expect((await refusal(bed.agent.registerJob(large, null, {}))).code).toBe("unplaceable");
  expect((await bed.agent.registerJob(running, null, {})).job.waiting).toBeUndefined();
  await machineOf(bed.agent, "running");
});
