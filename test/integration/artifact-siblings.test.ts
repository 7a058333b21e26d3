import { expect, setDefaultTimeout, test } from "bun:test";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { machineOf } from "../helpers/in-process-agent.ts";
import { startOrigin } from "../helpers/origin.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();

test("one artifact that cannot be had ends the others: nobody waits for a server that says nothing", async () => {
  const asked = Promise.withResolvers<void>();
  const stall = { kind: "stall", body: Buffer.alloc(1 << 20), send: 10 } as const;
  await using origin = await startOrigin({
    "/silent.img": {
      kind: "each",
      answer: () => {
        asked.resolve();
        return stall;
      },
    },
    "/gone.img": { kind: "status", status: 404, after: asked.promise },
  });
  const artifacts = ["silent", "gone"].map((name) => `artifact {\n  source = "${origin.url(`/${name}.img`)}"\n}`);
  await bed.submit({ task: artifacts.join("\n") });
  const { ending } = await machineOf(bed.agent, "ended");
  expect(ending).toMatchObject({
    reason: "not-started",
    message: expect.stringContaining("/gone.img: expected status 200"),
  });
  expect(origin.count("/silent.img")).toBe(1);
});
