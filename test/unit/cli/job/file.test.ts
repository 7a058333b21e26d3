import { expect, test } from "bun:test";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { demoJobFile } from "../../../../src/cli/host/demo.ts";
import { runInProcess } from "../../../helpers/cli.ts";
import { jobText } from "../../../helpers/records.ts";
import { tempDir } from "../../../helpers/temp.ts";

test("a valid job file is called so in Nomad's words, from a file and from standard input", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("web.hcl"), jobText());
  const valid = { code: 0, stdout: "Job validation successful\n", stderr: "" };
  expect(await runInProcess(["job", "validate", dir.file("web.hcl")])).toEqual(valid);
  expect(await runInProcess(["validate", "-"], { stdin: jobText() })).toEqual(valid);
});

test("every error is shown with its place, and the count", async () => {
  await using dir = tempDir();
  const file = dir.file("web.hcl");
  writeFileSync(file, jobText().replace("image_path", "image_pth").replace("cpu ", "cpuu "));
  const { code, stdout, stderr } = await runInProcess(["job", "validate", file]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(`${file}:11:9: `);
  expect(stderr).toContain('did you mean "image_path"?');
  expect(stderr).toContain(`${file}:15:9: `);
  expect(stderr).toMatch(/\nError: .*web\.hcl is not a valid job: \d errors\n$/);
});

/** A job whose task has these blocks besides its own. */
const jobWithBlocks = (...blocks: readonly string[]): string =>
  jobText().replace('driver = "qemu"', ['driver = "qemu"', ...blocks].join("\n"));

test.each([
  [
    "two artifacts for one place",
    ['artifact {\nsource = "http://h/x"\n}', 'artifact {\nsource = "http://user:hunter2@h/y/x"\n}'],
    'task "vm": artifacts http://h/x and http://***@h/y/x would both be written to vm/local/x',
  ],
  [
    "an artifact where a template is made",
    ['artifact {\nsource = "http://h/x.part"\n}', 'template {\ndata = "a"\ndestination = "local/./x"\n}'],
    'task "vm": artifact http://h/x.part would be written to vm/local/x.part, where the template local/./x is made',
  ],
])("%s are found without an agent, with the line", async (_, blocks, told) => {
  const { code, stdout, stderr } = await runInProcess(["validate", "-"], { stdin: jobWithBlocks(...blocks) });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/<stdin>:\d+:\d+: group "/);
  expect(stderr).toContain(`${told}\n`);
  expect(stderr).toEndWith("Error: <stdin> is not a valid job: 1 error\n");
  expect(stderr).not.toContain("hunter2");
});

test("artifacts and templates of other names, or of names that only a start knows, are left alone", async () => {
  const blocks = ["x", "x.part2", "${NOMAD_PORT_a}/x"].map((name) => `artifact {\nsource = "http://h/${name}"\n}`);
  const template = 'template {\ndata = "a"\ndestination = "local/x"\n}';
  expect(await runInProcess(["validate", "-"], { stdin: jobWithBlocks(...blocks, template) })).toMatchObject({
    code: 0,
  });
});

test("a warning is shown and the job is valid all the same", async () => {
  const stdin = jobText().replace('driver = "qemu"', 'driver = "qemu"\n      kill_signal = "SIGINT"');
  const { code, stdout, stderr } = await runInProcess(["validate", "-"], { stdin });
  expect({ code, stdout }).toEqual({ code: 0, stdout: "Job validation successful\n" });
  expect(stderr).toStartWith("<stdin>:10:21: warning: ");
});

test("what cannot be read as a file says why", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("folder"));
  writeFileSync(dir.file("huge.hcl"), "");
  truncateSync(dir.file("huge.hcl"), 17 << 20);
  const refusal = async (name: string): Promise<string> => {
    const { code, stdout, stderr } = await runInProcess(["job", "validate", dir.file(name)]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    return stderr.replaceAll(`${dir.path}/`, "");
  };
  expect(await refusal("none.hcl")).toBe("Error: cannot read none.hcl: no such file\n");
  expect(await refusal("folder")).toBe("Error: cannot read folder: it is a directory\n");
  expect(await refusal("huge.hcl")).toBe("Error: huge.hcl is too long: a job file has at most 4 MiB\n");
  const endless = await runInProcess(["validate", "-"], { stdin: "x".repeat(5 << 20) });
  expect(endless.stderr).toBe("Error: <stdin> is too long: a job file has at most 4 MiB\n");
});

test("-output prints Nomad's JSON, which is a valid job again, and needs no agent", async () => {
  const { code, stdout } = await runInProcess(["job", "run", "-output", "-"], { stdin: jobText() });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ Job: { ID: "web", TaskGroups: [{ Name: "vms" }] } });
  const again = await runInProcess(["validate", "-json", "-"], { stdin: stdout });
  expect(again).toMatchObject({ code: 0, stdout: "Job validation successful\n" });
});

test("-json refuses HCL", async () => {
  const { code, stderr } = await runInProcess(["validate", "-json", "-"], { stdin: jobText() });
  expect(code).toBe(1);
  expect(stderr).toBe("Error: <stdin>: expected Nomad's JSON, found HCL\nhint: leave -json out\n");
});

test("the job file of the demo is valid without a warning", async () => {
  const stdin = demoJobFile("/tmp/paddock-demo-x/demo.img");
  const valid = { code: 0, stdout: "Job validation successful\n", stderr: "" };
  expect(await runInProcess(["validate", "-"], { stdin })).toEqual(valid);
});
