import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runByHand } from "../helpers/by-hand.ts";
import { runInProcess } from "../helpers/cli.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";

setDefaultTimeout(60_000);

const dir = tempPerTest();

interface Text {
  readonly config?: string;
  readonly task?: string;
  readonly group?: string;
  readonly more?: string;
}

const CONFIG = 'image_path = "local/disk.img"';
const ARTIFACT = 'artifact {\n source = "https://user:hunter2@127.0.0.1:1/disk.img"\n}';

function jobFile({ config = CONFIG, task = ARTIFACT, group = "", more = "" }: Text = {}): string {
  const file = join(dir.path, "web.hcl");
  writeFileSync(
    file,
    `${more}
job "web" {
  group "machines" {
    ${group}
    task "vm" {
      driver = "qemu"
      config {
        ${config}
      }
      ${task}
    }
  }
}`,
  );
  return file;
}

const flags = (): string[] => ["-data-dir", join(dir.path, "data"), "-config", configFile()];

function configFile(): string {
  const file = join(dir.path, "agent.hcl");
  const { path } = dir;
  writeFileSync(
    file,
    `run_dir = "${path}/run"\nplugin "qemu" {\n config {\n image_paths = ["${path}/images"]\n dynamic_workload_users = false\n}\n}`,
  );
  return file;
}

const explain = (file: string, ...more: string[]) => runInProcess(["explain", ...flags(), ...more, file]);

/** Writes the script of a job file's machine. @returns its path. */
async function scriptOf(text: Text): Promise<string> {
  const { stdout, code, stderr } = await explain(jobFile(text), "-script");
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const script = join(dir.path, "web.sh");
  writeFileSync(script, stdout);
  return script;
}

/** The directory that a script is given, with the demo guest in the place of what the artifact brings. */
function taskDirectory(): string {
  const path = join(dir.path, "task dir");
  mkdirSync(join(path, "local"), { recursive: true });
  writeFileSync(join(path, "local", "disk.img"), demoDisk());
  return path;
}

test("each word has its line, its default or paddock's reason, and what only a start decides stands in brackets", async () => {
  const config = [
    CONFIG,
    'accelerator = "tcg"',
    `args = ["-smbios", "type=1,serial=\${NOMAD_ALLOC_ID}", "-fw_cfg", "name=opt/a,string=$\${NOMAD_HOST_PORT_web + 1}"]`,
  ].join("\n");
  const file = jobFile({ config, group: 'network {\n port "web" {\n to = 80\n }\n }' });
  const { stdout, code } = await explain(file);
  expect(code).toBe(0);
  expect(stdout.split("\n")[0]).toMatch(/^\S*qemu-system-x86_64 +the program \(default of config\.emulator\)$/);
  const line = (start: string): string => stdout.split("\n").find((one) => one.startsWith(start)) ?? "";
  expect(line("type=pc,accel=tcg")).toEndWith(
    `${file}:13: config.machine_type and config.accelerator (default of config.machine_type)`,
  );
  expect(line("300M")).toEndWith("  default of resources.memory");
  expect(line("'type=1,serial=<allocation id>'")).toEndWith(`${file}:14: args[1]`);
  expect(stdout).toContain("'name=opt/a,string=${NOMAD_HOST_PORT_web + 1}'\n");
  expect(stdout).toContain(`hostfwd=tcp::<port web>-:80'\n${" ".repeat(38)}${file}:4: config.port_map and network`);
  expect(stdout).toContain("web  a free port → guest 80/tcp+udp");
  expect(stdout).toContain(`Working directory: ${dir.path}/data/alloc/<allocation id>/vm\n`);
  expect(existsSync(join(dir.path, "data"))).toBe(false);
});

test("what an image is that nobody has fetched is taken from its name, which is told", async () => {
  const { stdout, stderr } = await explain(
    jobFile({ config: 'image_path = "local/disk.qcow2"', task: ARTIFACT.replace(".img", ".qcow2") }),
  );
  expect(stdout).toContain('"backing":{"driver":"qcow2",,');
  expect(stderr).toContain('image_path "local/disk.qcow2": it is not here yet, and is taken for qcow2 by its name');
});

test("the header of an image of the host decides, and what the agent would refuse is told", async () => {
  mkdirSync(join(dir.path, "images"));
  const image = join(dir.path, "images", "disk.qcow2");
  writeFileSync(image, demoDisk());
  const there = await explain(jobFile({ config: `image_path = "${image}"`, task: "" }));
  expect(there).toMatchObject({ code: 0, stderr: "" });
  expect(there.stdout).toContain(`Disk: ${image} (raw, `);
  const outside = await explain(jobFile({ config: 'image_path = "/srv/disk.img"', task: "" }));
  expect(outside.stderr).toContain("/srv/disk.img is neither in the allocation directory nor under image_paths");
});

test("of several machines one is asked for, and found by its group or task", async () => {
  const file = jobFile({ more: "" });
  writeFileSync(
    file,
    readFileSync(file, "utf8").replace(
      / {2}group[\s\S]*(?=\n})/,
      (group) => `${group}\n${group.replace("machines", "others")}`,
    ),
  );
  const both = await explain(file);
  expect({ code: both.code, stderr: both.stderr }).toEqual({
    code: 1,
    stderr: `Error: ${file} has 2 machines that may be meant\nhint: one of: -group machines -task vm; -group others -task vm\n`,
  });
  expect((await explain(file, "-group", "others")).code).toBe(0);
  expect((await explain(file, "-group", "other")).stderr).toContain("has no such machine");
});

test("what another group asks for in vain keeps nobody from this one's machine", async () => {
  const file = jobFile();
  const text = readFileSync(file, "utf8");
  const other =
    'group "others" {\n task "vm" {\n driver = "qemu"\n config {\n image_path = "a"\n emulator = "vax"\n }\n }\n }';
  writeFileSync(file, text.replace(/\n\}$/, `\n${other}\n}`));
  expect((await explain(file, "-group", "machines")).stderr).not.toContain("vax");
  const { code, stderr } = await explain(file, "-group", "others");
  expect([code, stderr]).toEqual([1, expect.stringContaining('this node has no "qemu-system-vax"')]);
});

test("processors that are not chosen yet have no numbers, and an image of the host is looked for nowhere else", async () => {
  mkdirSync(join(dir.path, "images"));
  const image = join(dir.path, "images", "web.img");
  writeFileSync(image, demoDisk());
  const file = jobFile({ config: `image_path = "${image}"`, task: "resources {\n cores = 1\n}" });
  const { stdout } = await explain(file, "-json");
  expect(JSON.parse(stdout)).toMatchObject({ Limits: { Cores: [] } });
  expect((await explain(file, "-script")).stdout).not.toContain("need");
});

test("the places of words stand below each other, whatever is in the words", async () => {
  const file = jobFile({ config: `${CONFIG}\nargs = ["-name", "\\u001b[31mred", "-smbios", "type=1,serial=机机机"]` });
  const { stdout } = await explain(file);
  const column = (word: string): number => Bun.stringWidth(/^.*(?=web\.hcl:)/.exec(lineOf(stdout, word))?.[0] ?? "");
  expect(lineOf(stdout, "red")).toStartWith("'\\x1b[31mred' ");
  expect([column("red"), column("机机机")]).toEqual([column("-smbios"), column("-smbios")]);
});

const lineOf = (text: string, word: string): string => text.split("\n").find((line) => line.includes(word)) ?? "";

test("variables are given as to every job file, and mean nothing for a machine that runs", async () => {
  const more = 'variable "size" {\n type = number\n}';
  const file = jobFile({ more, task: `${ARTIFACT}\nresources {\n memory = var.size\n}` });
  expect((await explain(file)).code).toBe(1);
  expect((await explain(file, "-var", "size=256")).stdout).toMatch(/^256M +\S*web\.hcl:\d+: resources\.memory$/m);
  const { code, stderr } = await runInProcess(["explain", "-var", "size=2", "web"]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr:
      'Error: flag -var is for a job file, and "web" is taken for a machine\'s name\nhint: a job file of that name: paddock explain ./web\n',
  });
});

test("no secret is shown, whichever way it gets into a word", async () => {
  const config = `${CONFIG}\nargs = ["-fw_cfg", "name=opt/a,string=\${TOKEN}", "-fw_cfg", "name=opt/b,string=\${TOKEN}$\${upper(env[\\"TOKEN\\"])}", "-fw_cfg", "name=opt/pin-\${PIN}", "-object", "secret,id=s,data=abc-secret", "-smbios", "type=1,serial=\${NOMAD_META_key}"]`;
  const task = `${ARTIFACT}\nenv {\n TOKEN = "token-secret"\n PIN = "4711"\n}\nmeta {\n key = "meta-secret"\n}`;
  const image = jobFile({ config: 'image_path = "/srv/${TOKEN}.img"', task });
  expect(Object.values(await explain(image)).join("")).not.toContain("token-secret");
  // What is too short to be looked for in every text is not shown in a word that was made of it.
  const short = JSON.parse(
    (await explain(jobFile({ config: 'image_path = "/srv/${PIN}.img"', task }), "-json")).stdout,
  );
  expect(JSON.stringify(short.Argv)).not.toMatch(/4711|PIN/);
  const file = jobFile({ config, task });
  for (const way of [[], ["-json"], ["-script"]]) {
    const { stdout, stderr, code } = await explain(file, ...way);
    expect(code).toBe(0);
    expect(`${stdout}${stderr}`).not.toMatch(/secret"|token-secret|TOKEN-SECRET|4711|abc-secret|meta-secret|hunter2/);
  }
});

describe("the script of a job file's machine", () => {
  test("has what was given for variables, and says so", async () => {
    const more = 'variable "size" {\n type = number\n}';
    const file = jobFile({ more, task: `${ARTIFACT}\nresources {\n memory = var.size\n}` });
    const { stdout, stderr } = await explain(file, "-var", "size=256", "-script");
    expect(stdout).toContain(" 256M ");
    expect(stdout).toContain("\n# what a word has of variables stands in the script as it was given;");
    expect(stderr).toContain("warning: what a word has of variables");
    expect((await explain(jobFile(), "-script")).stdout).not.toContain("variables");
  });

  test.each([
    ["overlay", "web.machines.vm.qcow2"],
    ["copy", "web.machines.vm.img"],
    ["direct", null],
  ])("boots the guest from an image that is there, and goes on with its disk: %s", async (mode, made) => {
    const script = await scriptOf({ config: `${CONFIG}\ndisk = "${mode}"\nargs = ["-smp", "2"]` });
    const task = taskDirectory();
    expect(await runByHand(script, dir.path, "boot=", { args: [task] })).toContain("cpus=2 mem=300M boot=1");
    expect(await runByHand(script, dir.path, "boot=2", { args: [task] })).toContain("DEMO GUEST");
    const image = readFileSync(join(task, "local", "disk.img"));
    expect(image.equals(demoDisk())).toBe(mode !== "direct");
    if (made !== null) expect(existsSync(join(task, made))).toBe(true);
  });

  test("says which file lacks and who would bring it, and takes secrets from its environment", async () => {
    const config = `${CONFIG}\nargs = ["-fw_cfg", "name=opt/a,string=\${TOKEN}"]`;
    const script = await scriptOf({ config, task: `${ARTIFACT}\nenv {\n TOKEN = "token-secret"\n}` });
    expect(await runByHand(script, dir.path, "it stands in no script", { args: [dir.path], ends: true })).toContain(
      "TOKEN",
    );
    const env = { TOKEN: "x" };
    expect(readFileSync(script, "utf8")).not.toContain("token-secret");
    const said = await runByHand(script, dir.path, "which an artifact", { args: [dir.path], env, ends: true });
    expect(said).toContain("there is no local/disk.img in ");
    expect(await runByHand(script, dir.path, "boot=", { args: [taskDirectory()], env })).toContain("DEMO GUEST");
  });

  test("obeys nothing that stands in the job file, and takes no variable of a shell for one of the task", async () => {
    const config = `${CONFIG}\nargs = ["-fw_cfg", "name=opt/a,string=odd-value", "-smbios", "type=1,serial=\${HOME},product=\${task}"]`;
    const name = `X$(touch ${dir.path}/made)\`touch ${dir.path}/made\`\\"; touch ${dir.path}/made; '`;
    const task = `${ARTIFACT}\nenv = {\n "${name}" = "odd-value"\n HOME = "home-value"\n task = "task-value"\n}`;
    const script = await scriptOf({ config, task });
    const text = readFileSync(script, "utf8");
    const wanted = [...text.matchAll(/^take .* "\$\{(\w+):-\}" \1$/gm)].map(([, parameter = ""]) => parameter);
    expect(wanted).toEqual(["secret_1", "secret_2", "secret_3"]);
    expect(text).not.toMatch(/odd-value|home-value|task-value/);
    const env = { secret_1: "odd", secret_2: "home" };
    expect(await runByHand(script, dir.path, "it stands in no script", { args: [dir.path], ends: true })).toContain(
      "$(touch",
    );
    expect(
      await runByHand(script, dir.path, "it stands in no script", { args: [dir.path], env, ends: true }),
    ).toContain("secret_3");
    expect(existsSync(join(dir.path, "made"))).toBe(false);
  });
});
