import { expect, setDefaultTimeout, test } from "bun:test";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { eventsOf, machineOf, messagesOf, newestOf, startOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

test("a batch job's machine that has run for max_run_duration is stopped by its ladder and does not start again", async () => {
  const restart = 'attempts = 5\n interval = "1h"\n delay = "1s"\n mode = "fail"';
  await bed.submit({ type: "batch", restart, group: 'max_run_duration = "1s"', task: 'kill_timeout = "2s"' });
  const { ending } = await machineOf(bed.agent, "ended");
  expect(ending.stop?.order).toMatchObject({ cause: "max_run_duration is over", killTimeout: 2000 });
  expect(messagesOf(bed.agent).join("\n")).toContain("Stopping (max_run_duration is over)");
  expect(eventsOf(bed.agent)).not.toContain("Restarting");
  expect(newestOf(bed.agent)?.desired).toBe("run");
});

test("it goes on counting over a start and an agent in between, and a new version may end it", async () => {
  const job = { type: "batch", restart: 'attempts = 5\n interval = "1h"\n delay = "100ms"\n mode = "fail"' } as const;
  await bed.submit({ ...job, group: 'max_run_duration = "10h"' });
  const { identity } = await machineOf(bed.agent, "running");
  const first = newestOf(bed.agent)?.tasks["vm"]?.firstStart;
  process.kill(identity.pid, "SIGKILL");
  await startOf(bed.agent, 2);
  await bed.restart();
  await machineOf(bed.agent, "running");
  const record = newestOf(bed.agent)?.tasks["vm"];
  expect(record?.firstStart).toBe(first ?? 0);
  expect(record?.startedAt).toBeGreaterThan(first ?? 0);
  const { warnings } = await bed.submit({ ...job, group: 'max_run_duration = "1ms"' });
  expect(warnings).toEqual([]);
  expect((await machineOf(bed.agent, "ended")).ending.stop?.order.cause).toBe("max_run_duration is over");
});

test("an agent that lets its machines go waits for the end of nobody's time any more", async () => {
  const waits = new Set<number>();
  const clock: Clock = {
    ...systemClock,
    after: (millis, callback) => {
      const cancel = systemClock.after(millis, callback);
      waits.add(millis);
      return () => {
        waits.delete(millis);
        cancel();
      };
    },
  };
  const longest = () => Math.max(0, ...waits);
  await bed.restart(() => undefined, { clock });
  await bed.submit({ type: "batch", group: 'max_run_duration = "10h"' });
  await until("its time to count", () => longest() > 9 * 3_600_000);
  await bed.restart();
  expect(longest()).toBeLessThan(9 * 3_600_000);
});
