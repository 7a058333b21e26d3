import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createConnection } from "node:net";
import { createLog, silentLog } from "../../../src/base/log.ts";
import { type ConnectOptions, connectQmp, type QmpClient } from "../../../src/qmp/client.ts";
import { QmpError } from "../../../src/qmp/errors.ts";
import type { QmpEvent } from "../../../src/qmp/event.ts";
import { type FakeQmp, GREETING, HANDSHAKE, type QmpStep, startFakeQmp } from "../../helpers/fake-qmp.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

const DEADLINE = { deadlineMillis: 5_000 };
const eventLine = (event: string): object => ({ timestamp: { seconds: 1_700_000_000, microseconds: 500_000 }, event });

const dir = tempPerTest();
let path: string;
const fakes: FakeQmp[] = [];
const clients: QmpClient[] = [];
let events: QmpEvent[];
let closes: string[];

beforeEach(() => {
  path = dir.file("qmp.sock");
  events = [];
  closes = [];
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const fake of fakes.splice(0)) await fake.stop();
});

async function serve(script: readonly QmpStep[]): Promise<FakeQmp> {
  const fake = await startFakeQmp(path, script);
  fakes.push(fake);
  return fake;
}

async function connect(options: Partial<ConnectOptions> = {}): Promise<QmpClient> {
  const client = await connectQmp(path, {
    deadlineMillis: 5_000,
    log: silentLog,
    onEvent: (event) => events.push(event),
    onClose: (reason) => closes.push(reason),
    ...options,
  });
  clients.push(client);
  return client;
}

/** The error that a promise is rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<QmpError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof QmpError)) throw new Error(`expected a QmpError, found ${String(outcome)}`);
  return outcome;
}

describe("connecting", () => {
  test("negotiates before it hands the client out", async () => {
    const fake = await serve([...HANDSHAKE, { expect: "query-status", reply: { status: "running" } }]);
    const client = await connect();
    expect(await client.execute("query-status", undefined, DEADLINE)).toEqual({ status: "running" });
    expect(fake.received.map((command) => command.execute)).toEqual(["qmp_capabilities", "query-status"]);
  });

  test("waits for a socket that does not exist yet", async () => {
    const connecting = connect();
    // A second attempt that has failed means that the client's first one has failed before it.
    await once(createConnection({ path }), "error");
    await serve(HANDSHAKE);
    expect((await connecting).closed).toBe(false);
  });

  test("waits for a socket file that a dead listener left behind", async () => {
    const holder = Bun.spawn([
      process.execPath,
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`,
    ]);
    await holder.exited;
    expect((await failureOf(connect({ deadlineMillis: 60 }))).message).toContain("ECONNREFUSED");
    const connecting = connect();
    rmSync(path);
    await serve(HANDSHAKE);
    expect((await connecting).closed).toBe(false);
  });

  test("gives up at its deadline when the socket never comes", async () => {
    const error = await failureOf(connect({ deadlineMillis: 50 }));
    expect(error.failure).toBe("timed_out");
    expect(error.message).toContain("ENOENT");
    expect(closes).toEqual([]);
  });

  test("gives up at its deadline when the greeting never comes", async () => {
    await serve([]);
    const error = await failureOf(connect({ deadlineMillis: 50 }));
    expect(error.failure).toBe("timed_out");
    expect(error.message).toContain("greeting");
    expect(closes).toEqual([]);
  });

  test("stops waiting for the socket when it is aborted", async () => {
    const abort = new AbortController();
    const connecting = failureOf(connect({ signal: abort.signal }));
    abort.abort();
    expect((await connecting).failure).toBe("aborted");
  });

  test("stops waiting for the greeting when it is aborted", async () => {
    const fake = await serve([]);
    const abort = new AbortController();
    const connecting = failureOf(connect({ signal: abort.signal }));
    await until("the connection", () => fake.connections === 1);
    abort.abort();
    expect((await connecting).failure).toBe("aborted");
  });

  test("fails at once with a typed error when the monitor goes away during negotiation", async () => {
    await serve([GREETING, { expect: "qmp_capabilities" }, { close: true }]);
    expect((await failureOf(connect())).failure).toBe("disconnected");
    expect(closes).toEqual([]);
  });

  test("reports a refused negotiation in QEMU's words", async () => {
    await serve([
      GREETING,
      {
        expect: "qmp_capabilities",
        error: { class: "CommandNotFound", desc: "Capabilities negotiation is already complete" },
      },
    ]);
    const error = await failureOf(connect());
    expect(error.errorClass).toBe("CommandNotFound");
    expect(error.message).toContain("Capabilities negotiation is already complete");
  });
});

describe("events", () => {
  test("are dispatched before the greeting, during negotiation and between command and answer", async () => {
    await serve([
      { send: eventLine("RESUME") },
      GREETING,
      { expect: "qmp_capabilities", raw: `${JSON.stringify(eventLine("STOP"))}\n{"return":{},"id":$id}\n` },
      { expect: "quit", raw: `${JSON.stringify(eventLine("SHUTDOWN"))}\n{"return":{},"id":$id}\n` },
    ]);
    const client = await connect();
    await client.execute("quit", undefined, DEADLINE);
    expect(events.map((event) => event.name)).toEqual(["RESUME", "STOP", "SHUTDOWN"]);
    expect(events[0]?.at).toBe(1_700_000_000_500);
  });

  test("survive any cut of the byte stream and a character in two pieces", async () => {
    const line = Buffer.from(`${JSON.stringify({ ...eventLine("STOP"), data: { text: "é" } })}\n`);
    const middle = line.indexOf(0xc3) + 1;
    await serve([...HANDSHAKE, { send: line.subarray(0, middle) }, { send: line.subarray(middle) }]);
    await connect();
    await until("the event", () => events.length === 1);
    expect(events[0]?.data).toEqual({ text: "é" });
  });

  test("of which one cannot be handled do not stop the next", async () => {
    await serve([...HANDSHAKE, { send: eventLine("STOP") }, { send: eventLine("RESUME") }]);
    await connect({
      onEvent: (event) => {
        events.push(event);
        throw new Error("boom");
      },
    });
    await until("both events", () => events.length === 2);
  });
});

describe("commands", () => {
  test("that run at the same time get their own answers, in whatever order these come", async () => {
    const fake = await serve([
      ...HANDSHAKE,
      { expect: "first" },
      { expect: "second", raw: '{"return":"two","id":$id}\n{"return":"one","id":2}\n' },
    ]);
    const client = await connect();
    const both = Promise.all([
      client.execute("first", { a: 1 }, DEADLINE),
      client.execute("second", undefined, DEADLINE),
    ]);
    expect(await both).toEqual(["one", "two"]);
    expect(fake.received[1]?.arguments).toEqual({ a: 1 });
    expect(fake.received[2]).not.toHaveProperty("arguments");
  });

  test("fail with QEMU's class and words, made harmless for a terminal", async () => {
    await serve([
      ...HANDSHAKE,
      { expect: "device_del", error: { class: "DeviceNotFound", desc: "Device 'x' not found\u001b[2J" } },
    ]);
    const error = await failureOf((await connect()).execute("device_del", { id: "x" }, DEADLINE));
    expect(error.failure).toBe("refused");
    expect(error.errorClass).toBe("DeviceNotFound");
    expect(error.message).toBe("device_del: QEMU answered: Device 'x' not found\\x1b[2J");
  });

  test("time out alone: the late answer is dropped and the connection lives", async () => {
    const { promise: late, resolve: answerLate } = Promise.withResolvers<void>();
    await serve([
      ...HANDSHAKE,
      { expect: "slow" },
      { until: late },
      { send: { return: "late", id: 2 } },
      { expect: "quick", reply: "now" },
    ]);
    const client = await connect();
    const error = await failureOf(client.execute("slow", undefined, { deadlineMillis: 20 }));
    expect(error.failure).toBe("timed_out");
    answerLate();
    expect(await client.execute("quick", undefined, DEADLINE)).toBe("now");
  });

  test("that wait when the monitor goes away fail, and the end is told once", async () => {
    await serve([...HANDSHAKE, { expect: "a" }, { expect: "b" }, { close: true }]);
    const client = await connect();
    const [first, second] = await Promise.all([
      failureOf(client.execute("a", undefined, DEADLINE)),
      failureOf(client.execute("b", undefined, DEADLINE)),
    ]);
    expect([first.failure, second.failure]).toEqual(["disconnected", "disconnected"]);
    expect(client.closed).toBe(true);
    expect((await failureOf(client.execute("c", undefined, DEADLINE))).failure).toBe("disconnected");
    client.close();
    expect(closes).toHaveLength(1);
  });

  test("that wait fail when the agent closes the connection itself", async () => {
    await serve([...HANDSHAKE, { expect: "a" }]);
    const client = await connect();
    const waiting = failureOf(client.execute("a", undefined, DEADLINE));
    client.close();
    expect((await waiting).failure).toBe("disconnected");
    expect(closes).toEqual(["closed by the agent"]);
  });
});

describe("a hostile monitor", () => {
  test("gets nowhere with junk, NUL bytes, foreign ids and answers without an id", async () => {
    await serve([
      { send: new Uint8Array(5_000) },
      ...HANDSHAKE,
      { send: 'no json\n[1,2]\nnull\n"x"\n{}\n\n{"return":{},"id":77}\n{"return":{}}\n{"return":1,"id":{"a":1}}\n' },
      {
        send: '{"event":"lower","timestamp":{"seconds":1,"microseconds":0}}\n{"event":"X","timestamp":{"seconds":9e15,"microseconds":0}}\n',
      },
      { send: `${"[".repeat(100_000)}\n` },
      { send: `${"\0".repeat(4_096)}${JSON.stringify(eventLine("STOP"))}\n` },
      { expect: "query-status", raw: '{"id":$id}\n{"error":"no","id":$id}\n{"return":"yes","id":$id}\n' },
    ]);
    const client = await connect();
    expect(await client.execute("query-status", undefined, DEADLINE)).toBe("yes");
    expect(events.map((event) => event.name)).toEqual(["STOP"]);
  });

  test("cannot fill the agent's log with junk", async () => {
    const lines: string[] = [];
    await serve([...HANDSHAKE, { send: "junk\u001b[2J\n".repeat(1_000) }, { expect: "done", reply: {} }]);
    const client = await connect({ log: createLog("warn", (line) => lines.push(line)) });
    await client.execute("done", undefined, DEADLINE);
    expect(lines.length).toBeLessThan(10);
    expect(lines.join("")).not.toContain("\u001b");
  });

  test("is dropped when it sends a line without an end", async () => {
    await serve([...HANDSHAKE, { send: Buffer.alloc((16 << 20) + 1, "x") }]);
    await connect();
    await until("the end", () => closes.length === 1);
    expect(closes[0]).toContain("16 MiB");
  });
});
