import { expect, test } from "bun:test";
import { newId } from "../../src/base/ids.ts";
import { type CliApi, MAIN } from "../helpers/cli-api.ts";
import { withRunningJob, writeJob } from "../helpers/cli-job.ts";
import { type PtyProgram, runInPty } from "../helpers/pty.ts";
import { jobRecord } from "../helpers/records.ts";

const DISCARDS =
  'allocation 1f6a0b1c is stopped and replaced, which DISCARDS the disk of task "vm", 12 MiB written since its start';

function withDiskAtStake(): CliApi {
  const api = withRunningJob();
  api.agent.fates = [
    { allocationId: newId(), task: "vm", message: DISCARDS, discarded: { path: "/data/disk.qcow2", bytes: 12 << 20 } },
    { allocationId: newId(), task: "db", message: "its disk moves along", discarded: null },
  ];
  return api;
}

test("without a terminal a job that would leave a disk behind is not run, and -discard runs it", async () => {
  await using api = withDiskAtStake();
  const file = writeJob(api);
  const refused = await api.run(["job", "run", "-detach", file]);
  expect(refused).toEqual({
    code: 1,
    stdout: "",
    stderr: `Error: job "web" was not registered: it would leave behind what a guest has written\n  ${DISCARDS}\nhint: -discard runs it all the same; what is left behind stays for gc_disk_retention\n`,
  });
  // Standard input may still be something else than a terminal.
  expect((await api.run(["job", "run", "-detach", file], { columns: 80, stdin: "y\n" })).code).toBe(1);
  expect(api.agent.registered).toEqual([]);
  expect((await api.run(["job", "run", "-detach", "-discard", file])).code).toBe(0);
  expect(api.agent.registered).toHaveLength(1);
});

test("a disk that moves along is nothing to ask about", async () => {
  await using api = withDiskAtStake();
  api.agent.fates = api.agent.fates.slice(1);
  expect((await api.run(["job", "run", "-detach", writeJob(api)])).code).toBe(0);
  expect(api.agent.registered[0]?.enforceIndex).toBeUndefined();
});

/** Runs the job on a terminal, up to the question. */
async function asked(api: CliApi): Promise<PtyProgram> {
  const program = runInPty([process.execPath, MAIN, "job", "run", "-detach", writeJob(api)], {
    PADDOCK_ADDR: api.socket,
  });
  await program.see('Run job "web" all the same? (y/N) ');
  return program;
}

test.each([
  ["y\n", 0, 1],
  ["YES\n", 0, 1],
  ["\n", 1, 0],
  ["yesterday\n", 1, 0],
  // The end of the input, and Ctrl-C.
  ["\u0004", 1, 0],
  ["\u0003", 130, 0],
])("on a terminal it is asked, and %j ends with %i", async (answer, code, registered) => {
  await using api = withDiskAtStake();
  await using program = await asked(api);
  program.type(answer);
  expect(await program.ended()).toBe(code);
  expect(api.agent.registered).toHaveLength(registered);
  // The answer is about the job as it was when it was asked for.
  for (const { enforceIndex } of api.agent.registered) expect(enforceIndex).toBe(jobRecord().jobModifyIndex);
  expect(program.shown().split("DISCARDS")).toHaveLength(2);
});
