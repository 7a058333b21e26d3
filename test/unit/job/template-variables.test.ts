import { expect, test } from "bun:test";
import { buildTaskEnvironment } from "../../../src/job/environment.ts";
import { loadJob } from "../../../src/job/load.ts";
import { readVariables } from "../../../src/job/template-variables.ts";
import { taskDirs } from "../../../src/paths.ts";
import { NODE } from "../../helpers/records.ts";

const read = (text: string) => {
  const { variables, wrong } = readVariables(text);
  return wrong === undefined ? Object.fromEntries(variables) : `line ${wrong.line}`;
};

test("a file of variables is read as go-envparse reads it", () => {
  expect(
    read("A=1\n\n# none\nexport B = two words # said\nC=\nD='x # y'\nE=\"a\\tb\\u0041\"\nF=a'b'\"c\"d \nA=2"),
  ).toEqual({
    ...{ A: "2", B: "two words", C: "", D: "x # y", E: "a\tbA", F: "abcd" },
  });
  expect(read("a.b/c=1\nexport=2\n_x== \nG='a' 'b'\nH=é")).toEqual({
    "a.b/c": "1",
    export: "2",
    _x: "=",
    G: "a b",
    H: "é",
  });
});

test.each(["A", "=1", "1A=1", "a-b=1", 'A="x', "A='x", 'A="\\q"', 'A="\\u12"'])("%j is no variable", (line) => {
  expect(read(`OK=1\n${line}`)).toBe("line 2");
});

const taskWith = (task: string) => {
  const text = `job "j" {\n task "vm" {\n driver = "qemu"\n config {\n image_path = "x"\n }\n ${task}\n }\n}`;
  const { job } = loadJob("j.hcl", text);
  const group = job?.groups[0];
  const found = group?.tasks[0];
  if (job === undefined || group === undefined || found === undefined) throw new Error("is no job");
  return { job, group, task: found };
};

const environment = (task: string) =>
  buildTaskEnvironment({
    ...taskWith(task),
    ...{ allocId: "a1", allocName: "j.vm[0]", allocIndex: 0, node: NODE, ports: [], cores: [] },
    dirs: taskDirs({ dataDir: "/d", runDir: "/r" }, "a1", "vm"),
  });

const template = (data: string, more = "env = true"): string =>
  `template {\n data = ${JSON.stringify(data)}\n destination = "local/x"\n ${more}\n }`;

test("the variables of templates come last in a task's environment, and may use all others", () => {
  const found = environment(
    `env {\n A = "a"\n B = "b"\n }\n ${template('B={{ env "A" | toUpper }}\nC={{ env "NOMAD_TASK_NAME" }}')}`,
  );
  expect(found).toMatchObject({ A: "a", B: "A", C: "vm" });
});

test("a template that is no file of variables, or cannot be rendered, adds none", () => {
  expect(environment(template("A=1", ""))["A"]).toBeUndefined();
  expect(environment(`env {\n A = "a"\n }\n ${template('A={{ mustEnv "NONE" }}')}`)["A"]).toBe("a");
});
