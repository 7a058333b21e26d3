import { afterEach, describe, expect, test } from "bun:test";
import { AppError } from "../../src/base/errors.ts";
import { sendEarly } from "../../src/cli/early-run.ts";
import { INTERRUPT_SIGNALS } from "../../src/cli/exit.ts";
import type { CliResult } from "../helpers/cli.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { withRunningJob, writeJob } from "../helpers/cli-job.ts";
import { jobText } from "../helpers/records.ts";

const before = INTERRUPT_SIGNALS.map((name) => process.listeners(name));

// It holds the signals of its process for good.
afterEach(() => {
  for (const [at, name] of INTERRUPT_SIGNALS.entries()) {
    for (const listener of process.listeners(name)) {
      if (!before[at]?.includes(listener)) process.removeListener(name, listener);
    }
  }
});

/** Runs a job as the program does: its file is sent before the command begins. */
async function runEarly(api: CliApi, text = jobText()): Promise<CliResult & { readonly sent: boolean }> {
  const args = ["run", "-detach", writeJob(api, text)];
  const early = sendEarly(args, { env: { PADDOCK_ADDR: api.socket }, uid: process.getuid?.() ?? 0 });
  await early?.reply;
  const sent = api.agent.registered.length === 1;
  return { ...(await api.run(args, { early })), sent };
}

test("a job that is new is registered once, with its text, by the time that the command begins", async () => {
  await using api = serveCliApi();
  const { code, stdout, stderr, sent } = await runEarly(api);
  expect({ code, stderr, sent }).toEqual({ code: 0, stderr: "", sent: true });
  expect(stdout).toStartWith("Job registration successful\nEvaluation ID: ");
  expect(api.agent.registered).toMatchObject([
    { job: { id: "web" }, submission: { source: jobText(), format: "hcl2" }, enforceIndex: 0 },
  ]);
});

test("what is doubtful in its file is told with its line, and what the agent adds behind it", async () => {
  await using api = serveCliApi();
  await using other = serveCliApi();
  for (const { agent } of [api, other]) agent.looked = { ...agent.looked, warnings: ["kill_timeout is cut"] };
  const text = jobText().replace("{", '{\n  region = "eu"\n');
  const plain = await other.run(["run", "-detach", writeJob(other, text)]);
  const { stderr } = await runEarly(api, text);
  expect(api.agent.registered.map(({ enforceIndex }) => enforceIndex)).toEqual([0]);
  expect(stderr).toBe(plain.stderr.replaceAll(other.dir, api.dir));
  expect(stderr).toContain("web.hcl");
  expect(stderr).toContain("warning: kill_timeout is cut");
});

describe("the command begins anew", () => {
  test("when the file is no valid job, and says where", async () => {
    await using api = serveCliApi();
    const { code, stderr } = await runEarly(api, jobText().replace("driver", "drivr"));
    expect(code).toBe(1);
    expect(stderr).toContain('did you mean "driver"?');
    expect(api.agent.registered).toEqual([]);
  });

  test("when the agent refuses a job that is there already: disks may be at stake", async () => {
    await using api = withRunningJob();
    const register = api.agent.registerJob;
    Object.assign(api.agent, {
      registerJob: async (...[job, submission, options]: Parameters<typeof register>) => {
        if (options.enforceIndex === 0) throw new AppError("conflict", "it is there");
        return await register(job, submission, options);
      },
    });
    const { code, sent } = await runEarly(api);
    expect({ code, sent }).toEqual({ code: 0, sent: false });
    expect(api.agent.registered).toMatchObject([{ enforceIndex: undefined }]);
  });

  test("when the agent is of a version that wants the job itself", async () => {
    await using api = serveCliApi();
    const args = ["run", "-detach", writeJob(api)];
    await using former = serveCliApi();
    Object.assign(former.agent, { registerJob: () => Promise.reject(new AppError("invalid", "Job is missing")) });
    const early = sendEarly(args, { env: { PADDOCK_ADDR: former.socket }, uid: process.getuid?.() ?? 0 });
    expect(await early?.reply).toBeUndefined();
    expect(await api.run(args, { early })).toMatchObject({ code: 0 });
    expect(api.agent.registered).toHaveLength(1);
  });
});
