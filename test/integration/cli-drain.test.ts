import { expect, test } from "bun:test";
import type { CliApi } from "../helpers/cli-api.ts";
import { event, inState, putInTurn, quiet, withRunningJob } from "../helpers/cli-job.ts";
import { ended, GRACEFUL, NODE, RUNNING, STOPPING } from "../helpers/records.ts";

const MIGRATED = { desired: "stop", desiredDescription: "alloc is being migrated" } as const;
const running = [event("Started", "it runs")];

/** Lets a drain that is asked for go on: the machine is stopped, and then the drain is over. */
function drains(api: CliApi, status: "complete" | "canceled"): void {
  const set = api.agent.setDrain;
  Object.assign(api.agent, {
    setDrain: async (...args: Parameters<typeof set>) => {
      const index = await set(...args);
      putInTurn(
        api,
        inState(RUNNING, running),
        inState(STOPPING, running, MIGRATED),
        inState(ended(GRACEFUL), running, MIGRATED),
      );
      const { put } = api.agent;
      api.agent.put = (record) => {
        put(record);
        const isOver = record.allocation?.tasks["vm"]?.machine.kind === "ended";
        const { last } = api.agent.drained;
        if (isOver && last !== null) api.agent.drained = { strategy: null, last: { ...last, status } };
      };
      return index;
    },
  });
}

test("node drain shows what it waits for until the node is empty", async () => {
  await using api = withRunningJob();
  drains(api, "complete");
  const { code, stdout, stderr } = await api.run(["node", "drain", "-enable", "-m", "new memory", "-meta", "who=me"]);
  const node = `node "${NODE.id}"`;
  expect(stdout).toBe(
    `Node "${NODE.id}" drain strategy set\nDrain complete for ${node}\nAll allocations on ${node} have stopped\n`,
  );
  const lines = stderr.trimEnd().split("\n");
  expect(lines).toEqual([
    `Monitoring ${node}: Ctrl-C to detach monitoring`,
    expect.stringMatching(/^Alloc "1f6a0b1c" \(.*\) runs until it ends, or \d{4}-/),
    expect.stringMatching(/^Alloc "1f6a0b1c" \(.*\) is being stopped \(alloc is being migrated\)$/),
    expect.stringMatching(/^Alloc "1f6a0b1c" \(.*\) has ended \(complete\)$/),
    "their jobs wait; paddock node drain -disable lets the machines come back",
  ]);
  expect(code).toBe(0);
  expect(api.agent.drained.last).toMatchObject({ meta: { message: "new memory", who: "me" } });
});

test("node drain -monitor follows the drain that is under way, and changes nothing", async () => {
  await using api = withRunningJob();
  drains(api, "complete");
  const spec = { deadline: 0, ignoreSystem: false };
  await api.agent.setDrain({ spec, markEligible: false, accessor: "", meta: { message: "why" } });
  const { code, stdout, stderr } = await api.run(["node", "drain", "-monitor"]);
  expect([code, stdout.split("\n")[0]]).toEqual([0, `Drain complete for node "${NODE.id}"`]);
  expect(stderr).toContain("runs until it ends\n");
  expect(api.agent.drained.last).toMatchObject({ status: "complete", meta: { message: "why" } });
});

test("node drain says when somebody else ends the drain, and what the node is meanwhile", async () => {
  await using api = withRunningJob();
  const detached = await api.run(["node", "drain", "-enable", "-detach", "-force", "-ignore-system", "-self"]);
  expect(detached).toEqual({ ...quiet, stdout: `Node "${NODE.id}" drain strategy set\n` });
  expect(api.agent.drained.strategy).toMatchObject({ deadline: -1e9, ignoreSystem: true, forceAt: null });
  expect((await api.run(["node", "status"])).stdout).toMatch(/Drain +=? *true; force drain; ignoring system jobs\n/);
  drains(api, "canceled");
  const { code, stdout } = await api.run(["node", "drain", "-enable", "-no-deadline"]);
  expect([code, stdout.split("\n").at(-2)]).toEqual([1, `Drain canceled for node "${NODE.id}"`]);
  const unset = { ...quiet, stdout: `Node "${NODE.id}" drain strategy unset\n` };
  expect(await api.run(["node", "drain", "-disable", "-keep-ineligible"])).toEqual(unset);
  expect(api.agent.eligible).toBe(false);
  expect(await api.run(["node", "drain", "-disable", NODE.id])).toEqual(unset);
  expect(api.agent.eligible).toBe(true);
  expect((await api.run(["node", "status"])).stdout).toMatch(/Drain +=? *false\n/);
});

test("node drain asks where the id is not written out, and nobody can be asked here", async () => {
  await using api = withRunningJob();
  const prefix = NODE.id.slice(0, 8);
  expect((await api.run(["node", "drain", "-enable", "-detach", prefix])).stderr).toStartWith(
    `Error: nobody can be asked whether to enable drain mode for node "${NODE.id}"\n`,
  );
  expect(api.agent.drained.strategy).toBeNull();
  expect((await api.run(["node", "drain", "-enable", "-detach", "-yes", prefix])).code).toBe(0);
  expect(api.agent.drained.strategy).not.toBeNull();
});

test("node drain that is interrupted goes on, and says how to come back", async () => {
  await using api = withRunningJob();
  const cli = api.spawn(["node", "drain", "-enable", "-no-deadline"]);
  const reader = cli.stdout.getReader();
  let text = "";
  while (!text.includes("\n")) text += new TextDecoder().decode((await reader.read()).value);
  cli.kill("SIGINT");
  const { code, stderr } = await cli.ended();
  expect(code).toBe(130);
  expect(stderr).toEndWith(`the drain of node "${NODE.id}" goes on; look with: paddock node drain -monitor\n`);
  expect(api.agent.drained.strategy).not.toBeNull();
});
