import { expect, test } from "bun:test";
import type { CheckReport } from "../../src/allocation/check.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { allocation, checkReport, jobRecord, PLAN, RUNNING, taskRecord } from "../helpers/records.ts";

const ID = allocation().id;

function withChecks(...checks: readonly CheckReport[]): CliApi {
  const api = serveCliApi();
  const running = allocation({ tasks: { vm: taskRecord(RUNNING) }, checks });
  api.agent.put({ job: jobRecord(), allocation: running, plan: PLAN });
  return api;
}

const HOSTILE = "\u001b[2Jrefused\nsecond line";

test("alloc checks shows each check with its last result, and escapes what a guest answered", async () => {
  await using api = withChecks(
    checkReport(),
    checkReport(
      { id: "c2", name: "page", task: "vm", mode: "readiness", limit: 0 },
      { status: "failure", statusCode: 503, output: HOSTILE },
    ),
  );
  const { code, stdout, stderr } = await api.run(["alloc", "checks", ID.slice(0, 8)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [first = "", second = "", ...more] = stdout.trimEnd().split("\n\n").slice(1);
  expect(stdout).toStartWith("Status of 2 service checks\n\n");
  expect(more).toEqual([]);
  expect(first).toContain("Task      = (group)");
  expect(first).toContain("Restart   = after 3 failures in a row, 0 so far");
  expect(second).toContain("StatusCode = 503");
  expect(second).toContain("Output     = \\x1b[2Jrefused\\x0asecond line");
  expect(second).not.toContain("Restart");
});

test("alloc checks -json is the reply of the API, and checks is the same command", async () => {
  await using api = withChecks(checkReport());
  const { stdout } = await api.run(["checks", "-json", ID]);
  expect(JSON.parse(stdout)).toMatchObject({ c1: { Check: "web", Status: "success" } });
  expect((await api.run(["alloc", "checks"])).code).toBe(1);
});

test("status has a table of checks, and the health", async () => {
  await using api = withChecks(checkReport({}, { status: "failure", output: HOSTILE }));
  for (const args of [
    ["status", "web"],
    ["alloc", "status", ID],
  ]) {
    const { stdout } = await api.run(args);
    expect(stdout).toMatch(/^Health +=? ?= unhealthy$/m);
    expect(stdout).toMatch(/^Checks +Service +Mode +Status +Output$/m);
    expect(stdout).toMatch(/^web +front +healthiness +failure +\\x1b\[2Jrefused$/m);
  }
});

test("ps has a column of health only when a machine has checks", async () => {
  await using api = withChecks(checkReport());
  expect((await api.run(["ps"])).stdout).toMatch(/Status +Health +Guest[^\n]*\n.* running +healthy /);
  await using without = withChecks();
  const { stdout } = await without.run(["ps"]);
  expect(stdout).not.toContain("Health");
  expect((await without.run(["status", "web"])).stdout).not.toContain("Checks");
  expect((await without.run(["alloc", "checks", ID])).stdout).toBe("Status of 0 service checks\n");
});
