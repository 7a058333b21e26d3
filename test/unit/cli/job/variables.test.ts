import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { runInProcess } from "../../../helpers/cli.ts";
import { jobText } from "../../../helpers/records.ts";
import { tempDir } from "../../../helpers/temp.ts";

/** A job file whose datacenter is an expression. */
function jobWith(declarations: string, datacenter: string): string {
  return `${declarations}\n${jobText().replace('" {', `" {\n  datacenters = [${datacenter}]`)}`;
}

const DECLARED = 'variable "dc" {\n  default = "default"\n}\n';

async function datacenterOf(args: readonly string[], stdin: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runInProcess(["run", "-output", ...args, "-"], { stdin, env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout).Job.Datacenters[0];
}

describe("variables of a job file", () => {
  test("come from the environment, from files and from flags, and the last of these wins", async () => {
    await using dir = tempDir();
    writeFileSync(dir.file("a.hcl"), 'dc = "a"\n');
    writeFileSync(dir.file("b.json"), '{"dc": "b"}');
    const job = jobWith(DECLARED, "var.dc");
    const env = { NOMAD_VAR_dc: "nomad", PADDOCK_VAR_dc: "paddock", PADDOCK_VAR_other: "x" };
    const files = ["-var-file", dir.file("a.hcl"), `-var-file=${dir.file("b.json")}`];
    expect(await datacenterOf([], job)).toBe("default");
    expect(await datacenterOf([], job, { NOMAD_VAR_dc: "nomad" })).toBe("nomad");
    expect(await datacenterOf([], job, env)).toBe("paddock");
    expect(await datacenterOf(files, job, env)).toBe("b");
    expect(await datacenterOf([...files, "-var", "dc=x", "-var=dc=y=z"], job, env)).toBe("y=z");
  });

  test("that are wrong are told without their values", async () => {
    const stdin = jobWith('variable "dc" {\n  type = list(string)\n}\n', "var.dc[0]");
    const args = ["validate", "-var", "dc=hunter2 [", "-var=cd=hunter2", "-"];
    const { code, stderr } = await runInProcess(args, { stdin });
    expect(code).toBe(1);
    expect(stderr).toContain('the value of variable "dc" that -var gives: it is no expression of HCL');
    expect(stderr).toContain('variable "cd" is set by -var, and the job file declares none of this name');
    expect(stderr).toContain('did you mean "dc"?');
    expect(stderr).not.toContain("hunter2");
  });

  test("that the job file does not declare are refused, and only warned of with -hcl2-strict=false", async () => {
    const stdin = jobWith(DECLARED, "var.dc");
    const given = ["validate", "-var", "cd=hunter2", "-"];
    const [strict, lenient] = [
      await runInProcess(given, { stdin }),
      await runInProcess([...given, "-hcl2-strict=false"], { stdin }),
    ];
    expect([strict.code, lenient.code]).toEqual([1, 0]);
    const told = 'variable "cd" is set by -var, and the job file declares none of this name';
    expect(lenient.stderr).toContain(`warning: ${told}`);
    expect(strict.stderr).toContain(told);
    expect(strict.stderr).not.toContain("warning");
    expect(strict.stderr + lenient.stderr).not.toContain("hunter2");
  });

  test("are not shown by what they make wrong", async () => {
    const stdin = jobText()
      .replace('" {', '" {\n  priority = var.a\n  type = "${var.a}"')
      .replace('driver = "qemu"', "driver = var.a");
    const declared = `variable "a" {}\n${stdin}`;
    const { stderr } = await runInProcess(["validate", "-var", "a=hunter2", "-"], { stdin: declared });
    expect(stderr).toContain("priority must be a whole number from 1 to 100, found text");
    expect(stderr).toContain('driver must be "qemu", found what is not shown');
    expect(stderr).not.toContain("hunter2");
  });

  test.each<[string, readonly string[], string]>([
    ["-var without a sign", ["-var", "hunter2"], "Error: flag -var: expected NAME=VALUE behind it\n"],
    ["-var without a name", ["-var", "=hunter2"], "Error: flag -var: expected NAME=VALUE behind it\n"],
    ["a file that is not there", ["-var-file", "/nowhere/v.hcl"], "Error: cannot read /nowhere/v.hcl: no such file\n"],
    ["a directory", ["-var-file", "/"], "Error: cannot read /: it is a directory\n"],
  ])("%s is refused", async (_, args, stderr) => {
    expect(await runInProcess(["validate", ...args, "-"], { stdin: jobText() })).toEqual({
      code: 1,
      stdout: "",
      stderr,
    });
  });
});

test("a file of variables that is too long is refused, and so is a pipe", async () => {
  await using dir = tempDir();
  const [huge, pipe] = [dir.file("v.hcl"), dir.file("pipe")];
  const text = Buffer.alloc((4 << 20) + 1, " ");
  writeFileSync(huge, text);
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  for (const path of [huge, pipe]) {
    const args = ["validate", "-var-file", path, "-"];
    const writer =
      path === pipe ? Bun.spawn(["sh", "-c", 'cat "$0" > "$1"', huge, pipe], { stderr: "ignore" }) : undefined;
    const { code, stderr } = await runInProcess(args, { stdin: jobText() });
    await writer?.exited;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `Error: ${path} is too long: a file of variables has at most 4 MiB\n`,
    });
  }
});

describe("functions that look at files", () => {
  test("begin where the job file lies, and know the user's home", async () => {
    await using dir = tempDir();
    mkdirSync(dir.file("conf/deep"), { recursive: true });
    mkdirSync(dir.file("home"));
    writeFileSync(dir.file("conf/a.txt"), "content of a");
    writeFileSync(dir.file("conf/deep/b.txt"), "b");
    writeFileSync(dir.file("conf/deep/c.json"), "{}");
    writeFileSync(dir.file("home/key"), "of home");
    writeFileSync(dir.file("conf/raw"), Buffer.from([0xff, 0x00]));
    const outputOf = async (expression: string): Promise<{ value: string | undefined; stderr: string }> => {
      writeFileSync(dir.file("job.hcl"), jobWith("", expression));
      const { stdout, stderr } = await runInProcess(["run", "-output", dir.file("job.hcl")], {
        env: { HOME: dir.file("home") },
      });
      return { value: stdout === "" ? undefined : JSON.parse(stdout).Job.Datacenters[0], stderr };
    };
    const found = async (expression: string) => (await outputOf(expression)).value;
    expect(await found('file("conf/a.txt")')).toBe("content of a");
    expect(await found('file("~/key")')).toBe("of home");
    expect(await found('filebase64("conf/raw")')).toBe("/wA=");
    expect(await found('jsonencode([fileexists("conf/a.txt"), fileexists("conf/z.txt")])')).toBe("[true,false]");
    expect(await found('join(",", fileset("conf", "**/*.txt"))')).toBe("a.txt,deep/b.txt");
    expect(await found('join(",", fileset("conf", "deep/{b,c}.*"))')).toBe("deep/b.txt,deep/c.json");
    expect(await found('join(",", fileset("conf", "[a-b].tx?"))')).toBe("a.txt");
    expect(
      await found('jsonencode([basename("/a/b.c"), basename(""), basename("/a/"), dirname("/a/b"), dirname("a")])'),
    ).toBe('["b.c",".","a","/a","."]');
    expect(await found('pathexpand("~/x")')).toBe(dir.file("home/x"));
    expect((await outputOf('file("conf/raw")')).stderr).toContain("the file is no UTF-8 text");
    expect((await outputOf('file("conf/z.txt")')).stderr).toContain(`there is no such file: ${dir.file("conf/z.txt")}`);
    expect((await outputOf('file("conf")')).stderr).toContain("this is no regular file");
    expect((await outputOf('fileexists("conf")')).stderr).toContain("is no regular file");
    expect((await outputOf('file("~root/x")')).stderr).toContain("~ stands for your own home only");
    expect((await outputOf('file("/dev/zero")')).stderr).toContain("this is no regular file");
  });
});
