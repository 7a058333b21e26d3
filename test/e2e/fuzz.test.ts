import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { fuzzAgent, installSchemathesis } from "../helpers/schemathesis.ts";
import { tempDir } from "../helpers/temp.ts";

setDefaultTimeout(300_000);

/*
 * What a fuzzer that is not ours finds in the API by its own description; `bun run fuzz` has it look for longer. Where it cannot be
 * installed this is skipped.
 */
const dir = tempDir();
afterAll(() => dir[Symbol.asyncDispose]());
const installed = installSchemathesis(dir.path);
if (typeof installed === "string") console.log(`schemathesis is skipped: ${installed}`);

test.skipIf(typeof installed === "string")("schemathesis finds nothing in the API of an empty agent", async () => {
  if (typeof installed === "string") return;
  const { code, stdout, stderr, cases, agent } = await fuzzAgent(installed.program, dir, {
    examples: 10,
    seed: 1,
    deadline: 240_000,
  });
  console.log(`schemathesis: ${cases} cases`);
  expect({ code, said: code === 0 ? "" : stdout + stderr }).toEqual({ code: 0, said: "" });
  expect(cases).toBeGreaterThan(2_000);
  expect(agent).not.toContain("[ERROR]");
});
