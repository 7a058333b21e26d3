import { expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { type EventLines, eventLines } from "../helpers/event-lines.ts";
import { createFakeAgent } from "../helpers/fake-agent.ts";
import { idOf } from "../helpers/in-process-agent.ts";
import { manualClock } from "../helpers/manual-clock.ts";
import { evaluation, jobRecord } from "../helpers/records.ts";
import { serveAgent } from "../helpers/serve-agent.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(120_000);

const bed = agentPerTest();

/** Reads events until one is found. @returns all of them, a line each. */
async function readUntil(lines: EventLines, isLast: (text: string) => boolean): Promise<string[]> {
  const told: string[] = [];
  while (!told.some(isLast)) {
    for (const event of (await lines.events()).events) {
      const status =
        event.Topic === "Allocation"
          ? ` ${event.Payload.Allocation.DesiredStatus} ${event.Payload.Allocation.ClientStatus}`
          : "";
      told.push(`${event.Topic} ${event.Type}${status}`);
    }
  }
  return told;
}

test("whoever has read a list and goes on from its index misses nothing of a machine's life", async () => {
  await using served = await serveAgent(bed.agent, bed.dir.file("api.sock"));
  const list = await served.fetch("/v1/allocations");
  const index = Number(list.headers.get("x-nomad-index"));
  const service = `service {\n name = "web"\n provider = "nomad"\n port = "9000"\n}`;
  await bed.submit({ id: "web", group: service });
  const early = eventLines(await served.fetch(`/v1/event/stream?index=${index + 1}`));
  const begun = await readUntil(early, (text) => text.startsWith("Service"));
  expect(begun.slice(0, 3)).toEqual([
    "Job JobRegistered",
    "Evaluation JobRegistered",
    "Allocation PlanResult run pending",
  ]);
  expect(begun.slice(-2)).toEqual(["Allocation AllocationUpdated run running", "Service ServiceRegistration"]);
  const id = idOf(bed.agent, "web");
  const late = eventLines(await served.fetch(`/v1/event/stream?topic=Allocation:${id}`));
  await bed.agent.deregisterJob("web", { purge: true, force: "SIGKILL" });
  const ended = await readUntil(early, (text) => text.startsWith("Service"));
  expect(ended.slice(0, 3)).toEqual(
    [
      "Job JobDeregistered",
      "Evaluation JobDeregistered",
      "Allocation AllocationUpdateDesiredStatus stop running",
    ].toSorted((one, other) => ended.indexOf(one) - ended.indexOf(other)),
  );
  expect(ended.at(-1)).toBe("Service ServiceDeregistration");
  const life = await readUntil(late, (text) => text.endsWith("stop complete") || text.endsWith("stop failed"));
  expect(life[0]).toBe("Allocation PlanResult run pending");
  expect(life.filter((text) => text.includes("AllocationUpdateDesiredStatus"))).toHaveLength(1);
  await Promise.all([early.cancel(), late.cancel()]);
});

/** Opens event streams by hand, without reading what comes. */
async function openRaw(socket: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    // One after the other: so many at once do not fit into the queue of a socket that listens.
    const client = connect(socket);
    client.pause();
    await once(client, "connect");
    client.write("GET /v1/event/stream?index=1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.on("error", () => undefined);
    sockets.push(client);
  }
  return sockets;
}

test("a thousand clients that never read hold up nobody, are cut off, and leave nothing behind", async () => {
  await using dir = tempDir();
  const clock = manualClock();
  const agent = createFakeAgent();
  let listens = 0;
  const { listen } = agent.feed;
  agent.feed.listen = (listener) => {
    listens++;
    const end = listen(listener);
    return () => {
      listens--;
      end();
    };
  };
  await using served = await serveAgent(agent, dir.file("api.sock"), clock);
  const stalled = await openRaw(served.socket, 1_000);
  const quick = eventLines(await served.fetch("/v1/event/stream"));
  await until("the streams to be open", () => listens === 1);
  // Each occasion is so heavy that what the kernel holds of a socket is full soon.
  const heavy = jobRecord();
  const meta = { note: "x".repeat(20_000) };
  let told = 0;
  for (let count = 0; count < 600; count++) {
    agent.put({ job: { ...heavy, job: { ...heavy.job, meta } } });
    await quick.events();
    told++;
  }
  clock.advance(10_000);
  expect(told).toBe(600);
  await quick.cancel();
  await until("those that never read to be cut off", () => listens === 0);
  expect(clock.waiting).toBe(0);
  for (const socket of stalled) socket.destroy();
  // Half a request, and half-open connections, are nobody's business.
  const half = connect(served.socket);
  half.write("GET /v1/event/stream HTTP/1.1\r\nHo");
  agent.put({ evaluation: evaluation() });
  const again = eventLines(await served.fetch("/v1/event/stream?topic=Evaluation"));
  expect((await again.events()).events).toHaveLength(1);
  await again.cancel();
  half.destroy();
  await until("everybody to be gone", () => listens === 0);
});
