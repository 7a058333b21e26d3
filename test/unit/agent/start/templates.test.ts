import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeTaskDirectories } from "../../../../src/agent/start/task-directory.ts";
import { renderTemplates } from "../../../../src/agent/start/templates.ts";
import type { Task, Template } from "../../../../src/job/job.ts";
import { loadJob } from "../../../../src/job/load.ts";
import { type TaskDirs, taskDirs } from "../../../../src/paths.ts";
import { NODE } from "../../../helpers/records.ts";
import { refusalOf } from "../../../helpers/refusal.ts";
import { type TempDir, tempDir } from "../../../helpers/temp.ts";
import { TASK } from "../../../helpers/valid-job.ts";

const DEFAULTS = loadJob(
  "t.hcl",
  'job "t" {\n task "vm" {\n driver = "qemu"\n config {\n image_path = "x"\n }\n template {\n data = "x"\n destination = "local/x"\n }\n }\n}',
).job?.groups[0]?.tasks[0]?.templates?.[0] as Template;

let dir: TempDir;
let dirs: TaskDirs;

beforeEach(() => {
  dir = tempDir();
  dirs = taskDirs({ dataDir: dir.file("data"), runDir: dir.file("run") }, "a1", "vm");
  mkdirSync(dir.file("data", "alloc"), { recursive: true });
  makeTaskDirectories(dirs);
});
afterEach(() => dir[Symbol.asyncDispose]());

function render(...templates: Partial<Template>[]): void {
  const task: Task = { ...TASK, templates: templates.map((template) => ({ ...DEFAULTS, ...template })) };
  renderTemplates({ node: () => NODE }, dirs, { task, env: { NOMAD_TASK_DIR: dirs.local, WHO: "me" } }, null);
}

const inTask = (...names: string[]): string => join(dirs.task, ...names);
const read = (...names: string[]): string => readFileSync(inTask(...names), "utf8");

test("a template becomes a file below the task directory, with its rights and in directories that are made", () => {
  render({ data: 'hello {{ env "WHO" }}', destination: "local/deep/er/x", perms: "0600" });
  expect(read("local", "deep", "er", "x")).toBe("hello me");
  expect(statSync(inTask("local/deep/er/x")).mode & 0o7777).toBe(0o600);
  expect(readdirSync(inTask("local/deep/er"))).toEqual(["x"]);
});

test("paths take values, also those that begin with the task's own directory", () => {
  render({ destination: "${NOMAD_TASK_DIR}/${WHO}.conf" });
  expect(read("local", "me.conf")).toBe("x");
});

test("a template of the task directory is rendered, also one that another template has made", () => {
  writeFileSync(inTask("local/site.tpl"), '<% env "WHO" %> {{ stays }}');
  render(
    { data: "", source: "local/site.tpl", destination: "local/site", left_delimiter: "<%", right_delimiter: "%>" },
    { data: '{{ "{{ 1 }}" }}', destination: "local/made.tpl" },
    { data: "", source: "local/made.tpl", destination: "secrets/made" },
  );
  expect([read("local", "site"), read("secrets", "made")]).toEqual(["me {{ stays }}", "1"]);
});

test("what had the name is replaced, and what else had it keeps its bytes", () => {
  writeFileSync(inTask("local/x"), "before");
  execFileSync("ln", [inTask("local/x"), inTask("local/other")]);
  writeFileSync(inTask("local/x.part"), "left over");
  render({ data: "after" });
  expect([read("local", "x"), read("local", "other")]).toEqual(["after", "before"]);
  expect(existsSync(inTask("local/x.part"))).toBe(false);
});

describe("what a machine has planted in its directory", () => {
  const outside = (): string => dir.file("outside");

  test("is no way out for what is written", () => {
    mkdirSync(outside());
    writeFileSync(join(outside(), "x"), "precious");
    symlinkSync(outside(), inTask("local/way"));
    symlinkSync(join(outside(), "x"), inTask("local/link"));
    symlinkSync(join(outside(), "new"), inTask("local/fresh.part"));
    expect(refusalOf(() => render({ destination: "local/way/x" })).message).toMatch(
      /^template "local\/way\/x": .*expected a directory, found a symbolic link$/,
    );
    expect(refusalOf(() => render({ destination: "local/link" })).message).toBe(
      'template "local/link": destination: expected a file or nothing, found a symbolic link',
    );
    render({ destination: "local/fresh" });
    expect(readdirSync(outside())).toEqual(["x"]);
    expect(readFileSync(join(outside(), "x"), "utf8")).toBe("precious");
    expect(lstatSync(inTask("local/fresh")).isFile()).toBe(true);
  });

  test("is no way out for what is read", () => {
    mkdirSync(outside());
    writeFileSync(join(outside(), "x"), "precious");
    symlinkSync(outside(), inTask("local/way"));
    symlinkSync(join(outside(), "x"), inTask("local/link"));
    execFileSync("mkfifo", [inTask("local/fifo")]);
    for (const source of ["local/way/x", "local/link", "local/fifo", "local", "local/none", "local/no/ne"]) {
      const { message } = refusalOf(() => render({ data: "", source, destination: "local/out" }));
      expect(message).toStartWith('template "local/out": ');
      expect(message).not.toContain("precious");
      expect(message).not.toContain("/proc/");
    }
    expect(existsSync(inTask("local/out"))).toBe(false);
    expect(existsSync(inTask("local/no"))).toBe(false);
  });

  test("is not overwritten where it is a directory", () => {
    mkdirSync(inTask("local/x"));
    expect(refusalOf(() => render({})).message).toContain("expected a file or nothing, found a directory");
  });

  test("is not removed with all that is below it where the file grows: a link could take its place meanwhile", () => {
    mkdirSync(inTask("local/x.part/deep"), { recursive: true });
    expect(refusalOf(() => render({})).message).toBe(
      'template "local/x": x.part: expected a file or nothing, found a directory',
    );
    expect(existsSync(inTask("local/x.part/deep"))).toBe(true);
  });
});

describe("a path is refused", () => {
  const paths = [
    ...["../alloc/x", "../other/local/x", "${NOMAD_TASK_DIR}/../../x", "local/${WHO}/../../../x", "/etc/${WHO}"],
    ...["local/${WHO}/", "local/\u0007${WHO}", `local/${"n".repeat(300)}`, ".paddock/disk.json", "../vm/.paddock/x"],
  ];
  test.each(paths)("as a destination, where values lead it to %j", (destination) => {
    expect(refusalOf(() => render({ destination })).code).toBe("invalid");
  });
  test.each(paths)("as a source, where values lead it to %j", (source) => {
    expect(refusalOf(() => render({ data: "", source, destination: "local/out" })).code).toBe("invalid");
  });
});

test("a template that cannot be rendered says why, by its line, and not what it was rendered from", () => {
  const data = 'a\n{{ parseInt (env "WHO") }}';
  const { message } = refusalOf(() => render({ data, destination: "local/x" }));
  expect(message).toBe('template "local/x": line 2: parseInt: value 1 must be a whole number as text, within 64 bits');
  expect(existsSync(inTask("local/x"))).toBe(false);
});

test("a template of variables that has none in a line says so", () => {
  const { message } = refusalOf(() => render({ data: "A=1\nhunter2", env: true }));
  expect(message).toBe('template "local/x": line 2: a variable needs a = behind its name');
});

test("a source that is no text, or longer than one is, is refused", () => {
  writeFileSync(inTask("local/bytes"), Buffer.of(0xff, 0xfe));
  writeFileSync(inTask("local/long"), Buffer.alloc((4 << 20) + 1, "x"));
  for (const source of ["local/bytes", "local/long"]) {
    expect(refusalOf(() => render({ data: "", source })).message).toContain(`source "${source}" is `);
  }
});
