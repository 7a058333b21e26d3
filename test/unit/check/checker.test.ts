import { expect, test } from "bun:test";
import type { CheckSpec, ProbeResult } from "../../../src/allocation/check.ts";
import { silentLog } from "../../../src/base/log.ts";
import { type CheckedMachine, Checker } from "../../../src/check/checker.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { turn } from "../../helpers/turn.ts";

const good: ProbeResult = { success: true, output: "ok", statusCode: 0 };
const bad: ProbeResult = { success: false, output: "no", statusCode: 0 };

function specOf(name: string, more: Partial<CheckSpec> = {}): CheckSpec {
  return {
    ...{ id: name, name, service: "s", task: "", restarts: ["vm"], mode: "healthiness", initial: "pending" },
    ...{ probe: { type: "tcp", host: "127.0.0.1", port: 1 }, interval: 10_000, timeout: 1000 },
    ...{ successes: 1, failures: 1, limit: 0, grace: 0 },
    ...more,
  } as CheckSpec;
}

/** A checker whose time stands still; `results` says what each check gets, by its name. */
function testChecker(random = 0) {
  const clock = manualClock();
  const begun = clock.now();
  const asked: string[] = [];
  const results: Record<string, ProbeResult | Promise<ProbeResult>> = {};
  const signals: AbortSignal[] = [];
  const checker = new Checker({
    clock,
    log: silentLog,
    elapsed: () => clock.sinceBoot() ?? 0,
    random: () => random,
    probe: async (spec, { signal }) => {
      asked.push(spec.name);
      signals.push(signal);
      return await (results[spec.name] ?? good);
    },
  });
  const told: string[] = [];
  const machine = (specs: readonly CheckSpec[], more: Partial<CheckedMachine> = {}): CheckedMachine => ({
    specs,
    startedAt: begun,
    adopted: false,
    mayAsk: () => true,
    userNetwork: async () => "",
    onStatus: () => void told.push("status"),
    onUnhealthy: (spec) => void told.push(`unhealthy ${spec.name}`),
    ...more,
  });
  /** Lets time pass second by second, and whoever waits for a result go on. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      await turn();
    }
  };
  return { checker, clock, asked, results, signals, told, machine, pass };
}

test("the first check comes half an interval after the start, the next an interval after each result", async () => {
  const { checker, asked, machine, pass } = testChecker();
  checker.watch("a", machine([specOf("web")]));
  await pass(4);
  expect(asked).toEqual([]);
  await pass(1);
  expect(asked).toEqual(["web"]);
  await pass(9);
  expect(asked).toEqual(["web"]);
  await pass(1);
  expect(asked).toEqual(["web", "web"]);
});

test("machines that started together are not asked together, and one that was adopted is asked at once", async () => {
  const late = testChecker(0.999);
  late.checker.watch("a", late.machine([specOf("web")]));
  await late.pass(3);
  expect(late.asked).toEqual(["web"]);
  const adopted = testChecker(0.999);
  adopted.checker.watch("a", adopted.machine([specOf("web")], { adopted: true }));
  await adopted.pass(1);
  expect(adopted.asked).toEqual(["web"]);
});

test("there is one timer for all checks of all machines, and none when there are none", async () => {
  const { checker, clock, machine, pass } = testChecker();
  expect(clock.waiting).toBe(0);
  for (let at = 0; at < 20; at++) checker.watch(`m${at}`, machine([specOf(`a${at}`), specOf(`b${at}`)]));
  checker.watch("without", machine([]));
  expect(clock.waiting).toBe(1);
  await pass(6);
  expect(clock.waiting).toBe(1);
  for (let at = 0; at < 20; at++) checker.forget(`m${at}`);
  expect(clock.waiting).toBe(0);
});

test("a status that changes is told, one that stays is not", async () => {
  const { checker, results, told, machine, pass } = testChecker();
  checker.watch("a", machine([specOf("web", { interval: 2000 })]));
  await pass(5);
  expect(told).toEqual(["status"]);
  results["web"] = bad;
  await pass(4);
  expect(told).toEqual(["status", "status"]);
  expect(checker.reports("a")?.[0]?.state).toMatchObject({ status: "failure", output: "no" });
  expect(checker.reports("b")).toBeUndefined();
});

test("a check that fails as often as it may is told once, and its machine is asked no more", async () => {
  const { checker, results, told, asked, machine, pass } = testChecker();
  results["web"] = bad;
  checker.watch("a", machine([specOf("web", { interval: 2000, limit: 3 }), specOf("other", { interval: 2000 })]));
  await pass(20);
  expect(told.filter((what) => what !== "status")).toEqual(["unhealthy web"]);
  expect(asked.filter((name) => name === "web")).toHaveLength(3);
  expect(asked.filter((name) => name === "other").length).toBeLessThanOrEqual(3);
  checker.forget("a");
  checker.watch("a", machine([specOf("web", { interval: 2000, limit: 3 })]));
  await pass(6);
  expect(told.filter((what) => what !== "status")).toHaveLength(2);
});

test("a machine that stands still is not asked, and what it answers while it does counts for nothing", async () => {
  const { checker, results, told, asked, machine, pass } = testChecker();
  let still = true;
  results["web"] = bad;
  checker.watch("a", machine([specOf("web", { interval: 2000, limit: 1 })], { mayAsk: () => !still }));
  await pass(10);
  expect(asked).toEqual([]);
  still = false;
  let answer: (result: ProbeResult) => void = () => undefined;
  results["web"] = new Promise((resolve) => {
    answer = resolve;
  });
  await pass(3);
  expect(asked).toEqual(["web"]);
  still = true;
  answer(bad);
  await pass(1);
  expect(told).toEqual([]);
});

test("a check that takes long is not asked again meanwhile, and is given up with its machine", async () => {
  const { checker, results, signals, told, asked, machine, pass } = testChecker();
  let answer: (result: ProbeResult) => void = () => undefined;
  results["web"] = new Promise((resolve) => {
    answer = resolve;
  });
  checker.watch("a", machine([specOf("web", { interval: 1000 })]));
  await pass(10);
  expect(asked).toEqual(["web"]);
  checker.forget("a");
  expect(signals[0]?.aborted).toBe(true);
  answer(good);
  await pass(2);
  expect({ asked, told }).toEqual({ asked: ["web"], told: [] });
});

test("a machine that is slow to answer is asked a few checks at a time, all in turn, and no other machine waits for it", async () => {
  const { checker, results, asked, machine, pass } = testChecker();
  const answers: ((result: ProbeResult) => void)[] = [];
  const names = Array.from({ length: 10 }, (_, at) => `c${at}`);
  for (const name of names) results[name] = new Promise((resolve) => answers.push(resolve));
  checker.watch("slow", machine(names.map((name) => specOf(name))));
  checker.watch("quick", machine([specOf("web", { interval: 2000 })]));
  await pass(9);
  expect(asked.filter((name) => name !== "web")).toEqual(["c0", "c1", "c2", "c3"]);
  expect(asked.filter((name) => name === "web").length).toBeGreaterThanOrEqual(4);
  for (const answer of answers) answer(good);
  await pass(6);
  expect(new Set(asked)).toEqual(new Set([...names, "web"]));
});

test("nothing is asked once the checker was closed", async () => {
  const { checker, clock, asked, machine, pass } = testChecker();
  checker.watch("a", machine([specOf("web")]));
  checker.close();
  checker.watch("b", machine([specOf("web")]));
  await pass(20);
  expect({ asked, waiting: clock.waiting }).toEqual({ asked: [], waiting: 0 });
});

test("a clock that is set makes no time of grace pass, nor last longer", async () => {
  for (const by of [86_400_000, -86_400_000]) {
    const { checker, clock, results, told, machine, pass } = testChecker();
    results["web"] = Promise.resolve({ success: false, output: "refused", statusCode: 0 });
    checker.watch("a", machine([specOf("web", { limit: 1, grace: 60_000 })]));
    clock.set(by);
    await pass(55);
    expect(told).not.toContain("unhealthy web");
    await pass(20);
    expect(told).toContain("unhealthy web");
  }
});
