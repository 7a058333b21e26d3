import { fuzzAgent, installSchemathesis } from "../helpers/schemathesis.ts";
import { tempDir } from "../helpers/temp.ts";

/*
 * The API's fuzzer at length: bun run fuzz [EXAMPLES [SEED]]; 500 examples of each operation and a random seed unless told.
 */

const examples = Number(process.argv[2] ?? "500");
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isInteger(examples) || !Number.isInteger(seed) || examples < 1) {
  console.error("usage: bun run fuzz [EXAMPLES [SEED]]");
  process.exit(1);
}
await using dir = tempDir();
const installed = installSchemathesis(dir.path);
if (typeof installed === "string") throw new Error(`schemathesis is not to be had: ${installed}`);
console.log(`seed ${seed}, ${examples} examples of each operation`);
const { code, stdout, stderr, cases } = await fuzzAgent(installed.program, dir, {
  examples,
  seed,
  deadline: 3_600_000,
});
console.log(code === 0 ? `${cases} cases, and nothing was found` : stdout + stderr);
process.exitCode = code ?? 1;
