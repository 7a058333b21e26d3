import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { runInProcess } from "../helpers/cli.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";

setDefaultTimeout(60_000);

const dir = tempPerTest();

function jobFile(group = "", image = '"local/disk.img"', more = ""): string {
  const file = join(dir.path, "web.hcl");
  const artifact = 'artifact {\n source = "https://user:hunter2@127.0.0.1:1/disk.img"\n}';
  writeFileSync(
    file,
    `${more}\njob "web" {\n group "g" {\n ${group}\n task "vm" {\n driver = "qemu"\n config {\n image_path = ${image}\n }\n ${artifact}\n }\n }\n}`,
  );
  return file;
}

function configFile(): string {
  const file = join(dir.path, "agent.hcl");
  const text = `client {\n meta {\n rack = "r1"\n }\n}\nplugin "qemu" {\n config {\n image_paths = ["${dir.path}/images"]\n dynamic_workload_users = false\n}\n}`;
  writeFileSync(file, text);
  return file;
}

const plan = (file: string, ...more: string[]) =>
  runInProcess(["plan", "-local", "-config", configFile(), "-data-dir", join(dir.path, "data"), ...more, file]);

/** A port of this host that somebody has. */
async function heldPort(): Promise<{ port: number; [Symbol.dispose](): void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  return { port: typeof address === "object" ? (address?.port ?? 0) : 0, [Symbol.dispose]: () => server.close() };
}

test("a plan without an agent looks at this host, says that all is new, and writes nothing", async () => {
  const { code, stdout, stderr } = await plan(jobFile());
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  expect(stdout).toContain('  group "g"  a machine is made\n');
  expect(stdout).toMatch(/ok {2}group "g" {2}memory: 300 MiB, (\d+) of \1 MiB free/);
  expect(stdout).toContain("https://***@127.0.0.1:1/disk.img: not in the cache, it is fetched\n");
  expect(stdout).toContain("- All tasks successfully allocated.\n");
  expect(stdout).toContain("No agent was asked: ");
  expect(stdout).toEndWith(`\npaddock job run ${join(dir.path, "web.hcl")}\n`);
  expect(existsSync(join(dir.path, "data"))).toBe(false);
});

test("constraints are judged by this host and the agent's configuration", async () => {
  const constraint = (value: string): string => `constraint {\n attribute = "\${meta.rack}"\n value = "${value}"\n}`;
  expect((await plan(jobFile(constraint("r1")))).stdout).toContain('ok  group "g"');
  const { code, stdout } = await plan(jobFile(constraint("r2")));
  expect(code).toBe(1);
  expect(stdout).toMatch(/no {2}group "g" +Constraint "\$\{meta\.rack\} = r2": found "r1"/);
  expect(stdout).toContain("- WARNING: paddock job run refuses this job:");
});

test("a port that somebody has is told with who has it, and images of the host are looked at", async () => {
  using held = await heldPort();
  mkdirSync(join(dir.path, "images"));
  const image = join(dir.path, "images", "disk.img");
  writeFileSync(image, demoDisk());
  const { code, stdout } = await plan(
    jobFile(`network {\n port "web" {\n static = ${held.port}\n }\n }`, `"${image}"`),
  );
  expect(code).toBe(1);
  expect(stdout).toMatch(
    new RegExp(`no {2}group "g" {2}web: ${held.port}: port ${held.port}/tcp is in use by .*\\b${process.pid}\\b`),
  );
  expect(stdout).toContain(`ok  group "g", task "vm"  ${image}: raw, `);
});

test("a cache that nobody here may look into is said to be that", async () => {
  writeFileSync(join(dir.path, "data"), "");
  const { stdout } = await plan(jobFile());
  expect(stdout).toContain("unless the agent has it in its cache, which this user may not look into");
});

test("variables are as elsewhere, and what contradicts itself is refused with 255", async () => {
  const file = jobFile("", '"local/${var.name}"', 'variable "name" {}');
  expect((await plan(file)).code).toBe(255);
  expect((await plan(file, "-var", "name=disk.img")).stdout).toEndWith(`paddock job run -var name=... ${file}\n`);
  const both = await plan(file, "-address", "/nowhere");
  expect({ code: both.code, stderr: both.stderr }).toEqual({
    code: 255,
    stderr: "Error: flags -local and -address: expected one of them, found both\n",
  });
  const alone = await runInProcess(["plan", "-config", "x", file]);
  expect({ code: alone.code, stderr: alone.stderr }).toEqual({
    code: 255,
    stderr: "Error: flag -config is for a plan without an agent\nhint: say -local, too\n",
  });
});
