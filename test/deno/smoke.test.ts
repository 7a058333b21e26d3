import { afterAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startAgent } from "../helpers/agent.ts";
import { PACKED, PLAIN } from "../helpers/packed.ts";
import { type RunOptions, type RunResult, runPaddock, runProgram } from "../helpers/run.ts";
import { HOME } from "../helpers/steps.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

/** Deno keeps what it compiles here, and nothing of a user's. */
const denoHome = tempDir();
afterAll(() => denoHome[Symbol.asyncDispose]());

/** Runs a script, `src/main.ts` unless told, under Deno; `--no-lock` keeps it from writing into the checkout. */
function runDeno(
  args: readonly string[],
  options: RunOptions = {},
  script = join(HOME, "src", "main.ts"),
): Promise<RunResult> {
  const deno = join(HOME, "node_modules", ".bin", "deno");
  const env = { DENO_DIR: denoHome.path, DENO_NO_UPDATE_CHECK: "1", ...options.env };
  return runProgram([deno, "run", "--quiet", "--no-lock", "-A", script, ...args], {
    deadline: 45_000,
    ...options,
    env,
  });
}

const JOB = `job "web" {
  datacenters = yamldecode("[dc1]")

  group "vm" {
    task "vm" {
      driver = "qemu"

      config {
        image_path = "local/disk.img"
      }
    }
  }
}
`;

test("version under Deno names the version of the package", async () => {
  const { version } = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as { version: string };
  const result = await runDeno(["version"]);
  expect(result).toMatchObject({ code: 0, stderr: "" });
  expect(result.stdout).toContain(version);
});

test("job validate under Deno accepts and refuses with the words of the compiled binary", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("good.nomad.hcl"), JOB);
  writeFileSync(dir.file("bad.nomad.hcl"), JOB.replace("driver =", "drivr ="));
  for (const [file, code] of [
    ["good.nomad.hcl", 0],
    ["bad.nomad.hcl", 1],
  ] as const) {
    const here = { cwd: dir.path };
    const result = await runDeno(["job", "validate", file], here);
    expect(result.code).toBe(code);
    expect(result).toEqual(await runPaddock(["job", "validate", file], here));
  }
});

test("node status under Deno asks an agent that the compiled binary runs", async () => {
  await using agent = await startAgent();
  const env = { PADDOCK_ADDR: agent.address };
  const status = async () => (await agent.run(["node", "status", "-json"])).stdout;
  // Until then two answers may differ.
  await until("the agent to know what QEMU can do", async () => (await status()).includes("x86_64.accelerators"));
  const result = await runDeno(["node", "status", "-json"], { env });
  expect(result).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(result.stdout)).toEqual(JSON.parse(await status()));
});

test.each(["gz", "zst", "xz", "bz2"] as const)(
  "what is packed as %s comes out under Deno, or is refused",
  async (word) => {
    await using dir = tempDir();
    const script = join(import.meta.dirname, "unpack-fixture.ts");
    writeFileSync(dir.file(`good.${word}`), PACKED[word]);
    writeFileSync(dir.file(`cut.${word}`), PACKED[word].subarray(0, -3));
    const good = await runDeno([dir.file(`good.${word}`)], {}, script);
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(Buffer.from(good.stdout, "base64").equals(PLAIN)).toBe(true);
    const cut = await runDeno([dir.file(`cut.${word}`)], {}, script);
    expect(cut).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("ends too early") });
  },
);
