import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { RECORD_TIME } from "../helpers/records.ts";

let api: CliApi;
beforeEach(() => {
  api = serveCliApi();
});
afterEach(() => api[Symbol.asyncDispose]());

const NOTHING = { removed: [], kept: [], jobs: 0, evaluations: 0, troubles: [] };
const removed = (id: string, bytes: number) => ({
  allocationId: `${id}-0000-4000-8000-000000000001`,
  jobId: "web",
  reason: "asked" as const,
  endedAt: RECORD_TIME,
  begunAt: RECORD_TIME,
  doneAt: RECORD_TIME,
  bytes,
});

describe("system gc", () => {
  test("that finds nothing says so", async () => {
    expect(await api.run(["system", "gc"])).toEqual({ code: 0, stdout: "", stderr: "nothing to remove\n" });
  });

  test("lists what went, and says what stays and why", async () => {
    api.agent.collected = {
      removed: [removed("6f1d9b52", 4096), removed("7f1d9b52", 4096)],
      kept: [{ ...removed("8f1d9b52", 1 << 20), task: "vm", path: "/d/disk.qcow2", until: RECORD_TIME }],
      jobs: 1,
      evaluations: 12,
      troubles: [],
    };
    const { code, stdout, stderr } = await api.run(["system", "gc", "-discard"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ID +Job +Ended +Freed\n6f1d9b52 +web +20\S+ \S+ +4 KiB\n7f1d9b52 .*\n$/);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(
        /^the disk of task "vm" of job "web" \(allocation 8f1d9b52, 1 MiB\) is kept until 20\S+ \S+: \/d\/disk.qcow2$/,
      ),
      "removed 2 allocations, 1 job, 12 evaluations; 8 KiB freed",
      "",
    ]);
    expect(api.agent.told).toEqual(["gc discard=true"]);
  });

  test("that could not remove something says what, and fails", async () => {
    api.agent.collected = { ...NOTHING, troubles: ["/d/alloc/x cannot be removed: file: EPERM"] };
    expect(await api.run(["system", "gc"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "warning: /d/alloc/x cannot be removed: file: EPERM\nnothing to remove\n",
    });
  });
});
