import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { runInProcess } from "../helpers/cli.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";

const temp = tempPerTest();

test.each([[[]], [["-short"]]])("job init %j writes a valid job file, and never over another one", async (flags) => {
  const path = temp.file("a web.hcl");
  expect(await runInProcess(["job", "init", ...flags, path])).toEqual({
    code: 0,
    stdout: `example job file written to ${path}\n`,
    stderr: `put your image into it, then: paddock job validate '${path}' && paddock job run '${path}'\n`,
  });
  const text = readFileSync(path, "utf8");
  expect(text.includes("#")).toBe(flags.length === 0);
  expect(text).not.toMatch(/\n\n\n/);
  const validated = await runInProcess(["job", "validate", path]);
  expect(validated).toMatchObject({ code: 0, stderr: "" });
  const again = await runInProcess(["init", path]);
  expect(again).toEqual({
    code: 1,
    stdout: "",
    stderr: `Error: cannot write ${path}: it is there already\nhint: name another file: paddock job init FILE\n`,
  });
  expect(readFileSync(path, "utf8")).toBe(text);
});

test("job init says why it cannot write", async () => {
  mkdirSync(temp.file("directory"));
  expect((await runInProcess(["job", "init", temp.file("none", "a.hcl")])).stderr).toBe(
    `Error: cannot write ${temp.file("none", "a.hcl")}: ENOENT\n`,
  );
});
