import { describe, expect, test } from "bun:test";
import {
  afterProbe,
  type CheckSpec,
  type CheckState,
  healthOf,
  newCheck,
  unhealthyText,
  wantsRestart,
} from "../../../src/allocation/check.ts";

const spec: CheckSpec = {
  id: "1",
  name: "web",
  service: "web",
  task: "",
  restarts: ["vm"],
  probe: { type: "tcp", host: "127.0.0.1", port: 80 },
  interval: 10_000,
  timeout: 1_000,
  mode: "healthiness",
  initial: "pending",
  successes: 1,
  failures: 1,
  limit: 3,
  grace: 0,
};

/** The states after each result of `results`: `+` a success, `-` a failure, one every second from second 1 on. */
function run(results: string, more: Partial<CheckSpec> = {}): CheckState[] {
  const own = { ...spec, ...more };
  let state = newCheck(own, 0);
  return [...results].map((sign, index) => {
    const result = { success: sign === "+", output: sign, statusCode: 0 };
    state = afterProbe(own, state, result, { at: (index + 1) * 1000, startedAt: 0 });
    return state;
  });
}

const statuses = (results: string, more?: Partial<CheckSpec>) => run(results, more).map(({ status }) => status);

describe("the status of a check", () => {
  test("is pending, or what its job says, before the first result, and then that of the last one", () => {
    expect(newCheck(spec, 5)).toMatchObject({ status: "pending", at: 5 });
    expect(newCheck({ ...spec, initial: "success" }, 5).status).toBe("success");
    expect(statuses("+-+")).toEqual(["success", "failure", "success"]);
  });

  test("changes after as many equal results in a row as the check wants", () => {
    expect(statuses("++-+--", { successes: 2, failures: 2 })).toEqual([
      "pending",
      "success",
      "success",
      "success",
      "success",
      "failure",
    ]);
    expect(statuses("-+-+-", { successes: 2, failures: 3 })).toEqual(Array(5).fill("pending"));
  });
});

describe("a restart", () => {
  const restarts = (results: string, more?: Partial<CheckSpec>) =>
    run(results, more).map((state) => wantsRestart({ ...spec, ...more }, state));

  test("is wanted after limit failures in a row", () => {
    expect(restarts("--+---")).toEqual([false, false, false, false, false, true]);
    expect(restarts("-", { limit: 1 })).toEqual([true]);
  });

  test("is never wanted with limit 0", () => {
    expect(restarts("-----", { limit: 0 })).toEqual(Array(5).fill(false));
  });

  test("counts no failure within the time of grace", () => {
    expect(restarts("------", { grace: 3000 })).toEqual([false, false, false, false, true, true]);
    expect(restarts("--+---", { grace: 2000, limit: 2 })).toEqual([false, false, false, false, true, true]);
  });

  test("counts failures only once the check is failing", () => {
    expect(restarts("----", { failures: 3, limit: 2 })).toEqual([false, false, false, true]);
  });
});

test("an allocation is healthy when every check of healthiness succeeds, and unhealthy when one fails", () => {
  const report = (status: CheckState["status"], mode: CheckSpec["mode"] = "healthiness") => ({
    spec: { ...spec, mode },
    state: { ...newCheck(spec, 0), status },
  });
  expect(healthOf([])).toBeNull();
  expect(healthOf([report("success"), report("pending")])).toBeNull();
  expect(healthOf([report("pending"), report("failure")])).toBe(false);
  expect(healthOf([report("success"), report("failure", "readiness")])).toBe(true);
  expect(healthOf([report("failure", "readiness")])).toBeNull();
});

test("the reason of a restart has Nomad's words", () => {
  expect(unhealthyText({ name: 'service: "a" check' })).toBe('healthcheck: check "service: \\"a\\" check" unhealthy');
});
