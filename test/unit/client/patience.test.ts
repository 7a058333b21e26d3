import { expect, test } from "bun:test";
import { ask, createClient } from "../../../src/client/client.ts";
import { whileItLives } from "../../../src/client/patience.ts";
import type { ApiRequest } from "../../../src/client/request.ts";
import { type ManualClock, manualClock } from "../../helpers/manual-clock.ts";
import { tempDir } from "../../helpers/temp.ts";
import { until } from "../../helpers/until.ts";

const HEALTH = "GET /v1/agent/health";

/** An agent that says nothing but what it is told to, over a socket and over a port, and two clients without a real clock. */
function silentAgent(isHealthy: boolean) {
  const dir = tempDir();
  const seen: string[] = [];
  const held: ((reply: Response) => void)[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    seen.push(`${request.method} ${pathname}`);
    if (isHealthy && pathname === "/v1/agent/health") return new Response("no", { status: 500 });
    return await new Promise<Response>((resolve) => held.push(resolve));
  };
  const unix = Bun.serve({ unix: dir.file("api.sock"), idleTimeout: 0, fetch } as never);
  const tcp = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
  const [pauses, told]: [number[], string[]] = [[], []];
  const time = manualClock();
  const clock: ManualClock = {
    ...time,
    after: (millis, callback) => {
      pauses.push(millis);
      return time.after(millis, callback);
    },
    get waiting() {
      return time.waiting;
    },
  };
  return {
    ...{ seen, held, clock, pauses, told, path: dir.file("api.sock") },
    client: createClient({ kind: "unix", path: dir.file("api.sock") }, clock, (text) => told.push(text)),
    http: createClient({ kind: "http", origin: `http://127.0.0.1:${tcp.port}` }, clock, (text) => told.push(text)),
    [Symbol.asyncDispose]: async () => {
      for (const reply of held) reply(new Response());
      await unix.stop(true);
      await tcp.stop(true);
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Lets an agent be silent until it is asked whether it lives, and then for as long as it may take for that. */
async function outwait({ seen, clock }: ReturnType<typeof silentAgent>): Promise<void> {
  await until("the request", () => seen.length > 0);
  clock.advance(4_000);
  await until("the question whether it lives", () => seen.includes(HEALTH));
  clock.advance(2_000);
  clock.advance(9_000);
}

test("an answer that comes while the agent is asked whether it lives ends that question, too", async () => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal | undefined>();
  const clock = manualClock();
  const send = (_: unknown, { signal }: ApiRequest): Promise<Response> => {
    resolve(signal);
    return new Promise<Response>(() => undefined);
  };
  const address = { kind: "unix", path: "/nowhere" } as const;
  const asked = async (): Promise<AbortSignal | undefined> => {
    clock.advance(4_000);
    return await promise;
  };
  const signal = await whileItLives(address, { target: "/v1/jobs" }, asked, { send, clock });
  expect([signal?.aborted, clock.waiting]).toEqual([true, 0]);
});

test("an agent that answers late again and again is told of once, and no question outlasts the answer", async () => {
  const [questions, told]: [PromiseWithResolvers<Response>[], string[]] = [[], []];
  const clock = manualClock();
  const send = (): Promise<Response> => {
    const question = Promise.withResolvers<Response>();
    questions.push(question);
    return question.promise;
  };
  const address = { kind: "unix", path: "/nowhere" } as const;
  const answerLate = async (at: number): Promise<void> => {
    await until("the question whether it lives", () => questions.length === at + 1);
    clock.advance(2_000);
    questions[at]?.resolve(new Response());
    await until("the wait until the next one", () => clock.waiting === 1);
  };
  const asked = async (): Promise<void> => {
    clock.advance(4_000);
    for (const at of [0, 1]) {
      await answerLate(at);
      clock.advance(10_000);
    }
  };
  await whileItLives(address, { target: "/v1/jobs" }, asked, { send, clock, tell: (text) => told.push(text) });
  expect(told).toHaveLength(1);
  expect(questions).toHaveLength(3);
  questions[2]?.resolve(new Response());
  await new Promise((resolve) => setImmediate(resolve));
  expect(clock.waiting).toBe(0);
});

for (const kind of ["client", "http"] as const) {
  test(`an agent that takes a request and hangs is told of, what asked and what to do (${kind})`, async () => {
    await using agent = silentAgent(false);
    const asked = agent[kind].read(ask.allocations()).catch((error: unknown) => error);
    await outwait(agent);
    expect(await asked).toMatchObject({
      code: "timeout",
      message: expect.stringMatching(/^the agent at \S+ took GET \/v1\/allocations and has said nothing for 15 s$/),
      hint: expect.stringContaining("restart it; machines run on"),
    });
    expect(agent.clock.waiting).toBe(0);
    const who = kind === "client" ? ` \\(process ${process.pid}\\)` : "";
    expect(agent.told).toEqual([
      expect.stringMatching(new RegExp(`^the agent at \\S+ does not answer; waiting${who}$`)),
    ]);
  });
}

test("of a change that a hung agent took it is said that nobody knows whether it was done", async () => {
  await using agent = silentAgent(false);
  const asked = agent.client.deregisterJob("web", { purge: false }).catch((error: unknown) => error);
  await outwait(agent);
  expect(await asked).toMatchObject({
    message: `the agent at unix://${agent.path} took DELETE /v1/job/web and has said nothing for 15 s; whether it was done is not known`,
  });
});

test("whoever has had enough of a hung agent is let go at once, and of a change with a word after a moment for its reply", async () => {
  await using agent = silentAgent(false);
  const { signal, abort } = abortable();
  const client = createClient({ kind: "unix", path: agent.path }, agent.clock, (text) => agent.told.push(text), signal);
  const asked = client.read(ask.allocations()).catch((error: unknown) => error);
  const stopped = client.deregisterJob("web", { purge: false }).catch((error: unknown) => error);
  await until("both requests", () => agent.seen.length === 2);
  abort();
  expect(await asked).toBe(signal.reason);
  agent.clock.advance(999);
  expect(agent.told).toEqual([]);
  agent.clock.advance(1);
  expect(await stopped).toBe(signal.reason);
  expect(agent.told).toEqual([
    "whether DELETE /v1/job/web was done is not known: look with paddock status once the agent answers",
  ]);
  expect(agent.clock.waiting).toBe(0);
  // What is asked for after that is not waited for, either.
  expect(await client.read(ask.allocations()).catch((error: unknown) => error)).toBe(signal.reason);
});

function abortable() {
  const abort = new AbortController();
  return { signal: abort.signal, abort: () => abort.abort(new Error("Ctrl-C")) };
}

test("a reply to a change that comes in the moment after counts", async () => {
  await using agent = silentAgent(false);
  const { signal, abort } = abortable();
  const client = createClient({ kind: "unix", path: agent.path }, agent.clock, (text) => agent.told.push(text), signal);
  const told = client.powerMachine("a", "vm", "press");
  await until("the request", () => agent.held.length === 1);
  abort();
  agent.held[0]?.(Response.json({ Guest: "running", Message: "pressed" }));
  expect(await told).toMatchObject({ Message: "pressed" });
  expect([agent.told, agent.clock.waiting]).toEqual([[], 0]);
});

test("an agent that is only slow is waited for, whatever it answers when it is asked whether it lives", async () => {
  await using agent = silentAgent(true);
  const asked = agent.client.read(ask.allocations());
  await until("the request", () => agent.seen.length > 0);
  for (let round = 1; round <= 4; round++) {
    agent.clock.advance(round === 1 ? 4_000 : 10_000);
    await until("the wait to go on", () => agent.pauses.length === 2 * round + 1);
  }
  expect(agent.pauses).toEqual([4_000, 2_000, 10_000, 2_000, 10_000, 2_000, 10_000, 2_000, 10_000]);
  expect(agent.told).toEqual([]);
  expect(agent.seen.filter((target) => target === HEALTH)).toHaveLength(4);
  agent.held[0]?.(Response.json([]));
  expect(await asked).toEqual([]);
  expect(agent.clock.waiting).toBe(0);
});

test("a stream may be silent once it has begun", async () => {
  await using agent = silentAgent(false);
  const pieces = agent.client.readLog("a", "vm", { type: "stdout", follow: true, origin: "start", offset: 0 });
  const first = pieces.next();
  await until("the request", () => agent.held.length > 0);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  agent.held[0]?.(new Response(readable));
  await writer.write(new TextEncoder().encode("{}"));
  await until("the head", () => agent.clock.waiting === 0);
  agent.clock.advance(60_000);
  await writer.write(new TextEncoder().encode(JSON.stringify({ File: "f", Offset: 2, Data: btoa("hi") })));
  await writer.close();
  expect(new TextDecoder().decode((await first).value?.data)).toBe("hi");
  expect(agent.seen).not.toContain(HEALTH);
});
