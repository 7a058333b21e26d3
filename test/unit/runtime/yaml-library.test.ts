import { expect, test } from "bun:test";
import { join } from "node:path";
import { runProgram } from "../../helpers/run.ts";
import { HOME } from "../../helpers/steps.ts";

/** Says whether the package was loaded after a job file without YAML was read, and after one with it. */
const PROGRAM = `
const { loadJob } = await import(${JSON.stringify(join(HOME, "src", "job", "load.ts"))});
const isLoaded = () => Object.keys(require.cache).some((path) => path.includes("/node_modules/yaml/"));
const read = (regions) => {
  const { diagnostics } = loadJob("j.hcl", 'job "j" {\\n  datacenters = ' + regions + "\\n}\\n");
  return diagnostics.some(({ message }) => message.includes("YAML"));
};
console.log(JSON.stringify([read('["a"]'), isLoaded(), read('yamldecode("[")'), isLoaded()]));
`;

test("the package that reads YAML is loaded by the first text of YAML, and by no other job file", async () => {
  const { stdout, stderr } = await runProgram([process.execPath, "-e", PROGRAM]);
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual([false, false, true, true]);
});
