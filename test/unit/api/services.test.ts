import { expect, test } from "bun:test";
import * as v from "valibot";
import type { CheckReport } from "../../../src/allocation/check.ts";
import { AllocationSchema } from "../../../src/contract/allocation.ts";
import { CheckResultsSchema, ServiceListSchema, ServiceSchema } from "../../../src/contract/service.ts";
import { refusalOf, testApi } from "../../helpers/api.ts";
import { allocation, checkReport, jobRecord, RECORD_TIME } from "../../helpers/records.ts";

const { id } = allocation();

function withChecks(...checks: readonly CheckReport[]) {
  const api = testApi();
  api.agent.put({ job: jobRecord(), allocation: allocation({ checks }) });
  return api;
}

for (const path of [`/v1/client/allocation/${id}/checks`, `/v1/allocation/${id}/checks`]) {
  test(`${path} has the last result of each check by its id, in Nomad's words`, async () => {
    const alive = checkReport({ id: "c2", name: "alive", task: "vm" }, { status: "pending", output: "" });
    const { read } = withChecks(checkReport({}, { statusCode: 503, unhealthy: 2, status: "failure" }), alive);
    const results = await read(CheckResultsSchema, path);
    expect(results).toEqual({
      c1: {
        ...{ ID: "c1", Check: "web", Service: "front", Group: "web.vms[0]", Mode: "healthiness", Status: "failure" },
        ...{ StatusCode: 503, Output: "http ok: 200", Timestamp: RECORD_TIME / 1000 },
        Paddock: { Type: "tcp", Address: "127.0.0.1:25001", Unhealthy: 2, Limit: 3 },
      },
      c2: expect.objectContaining({ Task: "vm", Status: "pending" }),
    });
    expect(results["c2"]).not.toHaveProperty("StatusCode");
  });
}

test("the checks of an allocation that does not exist are not found", async () => {
  const reply = await testApi().send("GET", "/v1/client/allocation/0/checks");
  expect(await refusalOf(reply)).toEqual({ status: 404, lines: ["alloc not found: 0"] });
});

for (const [what, checks, health] of [
  ["without checks says nothing of its health", [], null],
  ["with checks of readiness alone neither", [checkReport({ mode: "readiness" })], null],
  ["is healthy when its checks are", [checkReport()], { Healthy: true }],
  ["is not when one fails", [checkReport(), checkReport({ id: "c2" }, { status: "failure" })], { Healthy: false }],
  ["is neither while one is pending", [checkReport({}, { status: "pending" })], { Healthy: null }],
] as const) {
  test(`an allocation ${what}`, async () => {
    const { DeploymentStatus } = await withChecks(...checks).read(AllocationSchema, `/v1/allocation/${id}`);
    if (health === null) expect(DeploymentStatus).toBeNull();
    else expect(DeploymentStatus).toMatchObject({ ...health, Canary: false, Timestamp: "2026-01-01T00:00:00.000Z" });
  });
}

test("services are listed by name with the tags of all, and each by itself", async () => {
  const api = withChecks();
  api.agent.put({ allocation: allocation({ id: "2f6a0b1c-0000-4000-8000-000000000002" }) });
  expect(await api.read(ServiceListSchema, "/v1/services")).toEqual([
    { Namespace: "default", Services: [{ ServiceName: "web", Tags: ["a", "b"] }] },
  ]);
  const found = await api.read(v.array(ServiceSchema), "/v1/service/web");
  expect(found).toHaveLength(2);
  expect(found[0]).toMatchObject({ ServiceName: "web", JobID: "web", AllocID: id, Address: "192.0.2.7", Port: 25_001 });
  expect(await api.read(v.array(ServiceSchema), "/v1/service/other")).toEqual([]);
  expect(await api.read(v.array(ServiceSchema), `/v1/allocation/${id}/services`)).not.toEqual([]);
  expect(await api.read(v.array(ServiceSchema), "/v1/job/web/services")).not.toEqual([]);
  expect((await api.send("GET", "/v1/job/none/services")).status).toBe(404);
  expect(await testApi().read(ServiceListSchema, "/v1/services")).toEqual([]);
});
