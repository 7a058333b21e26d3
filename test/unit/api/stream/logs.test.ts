import { expect, test } from "bun:test";
import * as v from "valibot";
import { AppError } from "../../../../src/base/errors.ts";
import { LogFrameSchema } from "../../../../src/contract/log-frame.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { allocation, jobRecord } from "../../../helpers/records.ts";
import { turn } from "../../../helpers/turn.ts";
import { until } from "../../../helpers/until.ts";

const LOGS = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout`;

function apiWithLog() {
  const api = testApi();
  api.agent.put({ job: jobRecord(), allocation: allocation() });
  return api;
}

/** Reads a reply piece by piece. */
function pieces(reply: Response) {
  const reader = reply.body?.getReader();
  if (reader === undefined) throw new Error("the reply has no body");
  const decoder = new TextDecoder();
  return {
    next: async (): Promise<string | undefined> => {
      const { done, value } = await reader.read();
      return done ? undefined : decoder.decode(value, { stream: true });
    },
    cancel: () => reader.cancel(),
  };
}

function frame(text: string | undefined): string {
  const { Data = "" } = v.parse(LogFrameSchema, JSON.parse(text ?? "null"));
  return Buffer.from(Data, "base64").toString();
}

test("a log comes in frames, each with the offset behind it", async () => {
  const { agent, send } = apiWithLog();
  agent.log.append("one\n");
  agent.log.append("two\n");
  const reply = await send("GET", LOGS);
  expect(reply.headers.get("content-type")).toBe("application/json");
  expect(await reply.text()).toBe(
    '{"File":"alloc/logs/vm.stdout.0","Offset":4,"Data":"b25lCg=="}{"File":"alloc/logs/vm.stdout.0","Offset":8,"Data":"dHdvCg=="}',
  );
  expect(agent.log.readers).toBe(0);
});

test("a plain log comes byte by byte as the guest wrote it", async () => {
  const { agent, send } = apiWithLog();
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  agent.log.append(bytes);
  agent.log.append(new Uint8Array());
  agent.log.append("end");
  const reply = await send("GET", `${LOGS}&plain=true`);
  expect(reply.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
  expect(Buffer.from(await reply.arrayBuffer()).equals(Buffer.concat([bytes, Buffer.from("end")]))).toBe(true);
});

test("an empty log is an empty reply", async () => {
  const reply = await apiWithLog().send("GET", LOGS);
  expect({ status: reply.status, text: await reply.text() }).toEqual({ status: 200, text: "" });
});

test("what the query says goes to the reader", async () => {
  const { agent, send } = apiWithLog();
  await send("GET", `/v1/client/fs/logs/${allocation().id}?task=vm&type=stderr&origin=end&offset=512&follow=false`);
  expect(agent.log.asked[0]).toMatchObject({ type: "stderr", origin: "end", offset: 512, follow: false });
});

/** The pieces of a followed log behind the heartbeat that it begins with. */
async function follow(reply: Response) {
  const followed = pieces(reply);
  expect(await followed.next()).toBe("{}");
  return followed;
}

test("a followed log begins with a heartbeat, goes on as it grows, with one after each second of silence, until the task is dead", async () => {
  const { agent, clock, send } = apiWithLog();
  const reply = await follow(await send("GET", `${LOGS}&follow=true`));
  agent.log.append("hello");
  expect(frame(await reply.next())).toBe("hello");
  const quiet = reply.next();
  await until("the wait for more", () => clock.waiting === 1);
  clock.advance(999);
  expect(clock.waiting).toBe(1);
  clock.advance(1);
  expect(await quiet).toBe("{}");
  const later = reply.next();
  agent.log.append("again");
  expect(frame(await later)).toBe("again");
  const end = reply.next();
  agent.log.end();
  expect(await end).toBeUndefined();
  await until("the reader to be gone", () => agent.log.readers === 0);
  expect(clock.waiting).toBe(0);
});

test("a plain followed log has no heartbeats in it", async () => {
  const { agent, clock, send } = apiWithLog();
  const reply = pieces(await send("GET", `${LOGS}&follow=true&plain=true`));
  const next = reply.next();
  await until("the reader", () => agent.log.readers === 1);
  clock.advance(5_000);
  agent.log.append("text");
  expect(await next).toBe("text");
  await reply.cancel();
});

test("a client that goes away stops the reader, while it waits and while it has more", async () => {
  for (const waits of [true, false]) {
    const { agent, clock, log, send } = apiWithLog();
    agent.log.append("first");
    const reply = await follow(await send("GET", `${LOGS}&follow=true`));
    expect(frame(await reply.next())).toBe("first");
    if (waits) {
      void reply.next().catch(() => undefined);
      await until("the wait for more", () => clock.waiting === 1);
    } else agent.log.append("second");
    await reply.cancel();
    await until("the reader to be gone", () => agent.log.readers === 0);
    // What still hangs on the reader's end happens before the next turn of the event loop.
    await turn();
    expect(log.filter((line) => line.includes("broke off"))).toEqual([]);
  }
});

test("an aborted request stops the reader", async () => {
  const { agent, api } = apiWithLog();
  agent.log.append("first");
  const leaving = new AbortController();
  const request = new Request(`http://localhost${LOGS}&follow=true`, { signal: leaving.signal });
  const reply = await follow(await api.fetch(request));
  expect(frame(await reply.next())).toBe("first");
  leaving.abort();
  await until("the reader to be gone", () => agent.log.readers === 0);
});

test("an agent that stops ends every followed log", async () => {
  const { agent, stopping, send } = apiWithLog();
  agent.log.append("first");
  const reply = await follow(await send("GET", `${LOGS}&follow=true`));
  expect(frame(await reply.next())).toBe("first");
  const end = reply.next();
  stopping.abort();
  expect(await end).toBeUndefined();
});

test("HEAD opens no log", async () => {
  const { agent, send } = apiWithLog();
  agent.log.append("text");
  expect((await send("HEAD", LOGS)).status).toBe(200);
  expect({ readers: agent.log.readers, taken: agent.log.taken }).toEqual({ readers: 0, taken: 0 });
});

test("what is wrong when a log is opened is the status of the reply", async () => {
  const { agent, send } = apiWithLog();
  agent.log.fail(new AppError("not_found", "there is no stdout log yet: the task has not started"));
  expect(await refusalOf(await send("GET", LOGS))).toEqual({
    status: 404,
    lines: ["there is no stdout log yet: the task has not started"],
  });
});

test("a log that cannot be read any further breaks the reply off, and only our own log says why", async () => {
  const { agent, log, send } = apiWithLog();
  agent.log.append("first");
  const reply = await follow(await send("GET", `${LOGS}&follow=true`));
  expect(frame(await reply.next())).toBe("first");
  agent.log.fail(new Error("EIO at /var/lib/paddock"));
  const broken = await reply.next().catch((error: unknown) => String(error));
  expect(broken).toContain("it could not be read any further");
  expect(broken).not.toContain("/var/lib");
  expect(log.some((line) => line.includes("EIO at /var/lib/paddock"))).toBe(true);
});

for (const [query, message] of [
  ["type=stdout", "query parameter task: expected the name of a task"],
  ["task=vm", "query parameter type: expected stdout or stderr"],
  ["task=vm&type=console", "query parameter type: expected stdout or stderr"],
  ["task=vm&type=stdout&follow=maybe", "query parameter follow: expected true or false"],
  ["task=vm&type=stdout&plain=2", "query parameter plain: expected true or false"],
  ["task=vm&type=stdout&origin=middle", "query parameter origin: expected start or end"],
  ["task=vm&type=stdout&offset=-1", "query parameter offset: expected a whole number"],
  ["task=vm&type=stdout&offset=1e3", "query parameter offset: expected a whole number"],
  ["task=vm&type=stdout&since=10m", "query parameter since: expected RFC 3339 or nanoseconds since 1970"],
  ["task=vm&type=stdout&until=2026-02-30T00:00", "query parameter until: expected RFC 3339 or nanoseconds since 1970"],
  [
    "task=vm&type=stdout&until=2026-13-01T00:00:00Z",
    "query parameter until: expected RFC 3339 or nanoseconds since 1970",
  ],
  [
    "task=vm&type=stdout&since=2026-02-31T00:00:00Z",
    "query parameter since: expected RFC 3339 or nanoseconds since 1970",
  ],
  ["task=vm&type=stdout&until=5&follow=true", "query parameter until: a log is followed without it"],
  ["task=vm&type=stdout&plain=1&timestamps=1", "query parameter timestamps: they stand in frames; leave plain out"],
  ["task=vm&type=stdout&offset=99999999999999999999", "query parameter offset: expected a whole number"],
] as const) {
  test(`a log is refused with ?${query}`, async () => {
    const { agent, send } = apiWithLog();
    const reply = await send("GET", `/v1/client/fs/logs/${allocation().id}?${query}`);
    expect(await refusalOf(reply)).toEqual({ status: 400, lines: [message] });
    expect(agent.log.asked).toEqual([]);
  });
}

for (const task of ["db", "__proto__", "../../etc/passwd"]) {
  test(`a log of task ${task}, which the allocation does not have, is 404`, async () => {
    const { agent, send } = apiWithLog();
    const path = `/v1/client/fs/logs/${allocation().id}?task=${encodeURIComponent(task)}&type=stdout`;
    expect((await refusalOf(await send("GET", path))).status).toBe(404);
    expect(agent.log.asked).toEqual([]);
  });
}

test("a log of an allocation is found by its whole id alone", async () => {
  const { send } = apiWithLog();
  expect((await send("GET", "/v1/client/fs/logs/1f6a0b1c?task=vm&type=stdout")).status).toBe(404);
});

test("a log is asked for by time in RFC 3339 or nanoseconds, and the reply says whether its times were kept", async () => {
  const { agent, send } = apiWithLog();
  const since = Date.UTC(2026, 2, 1, 14, 5, 9);
  const reply = await send("GET", `${LOGS}&since=2026-03-01T15:05:09%2B01:00&until=${since * 1e6}&timestamps=true`);
  expect(reply.headers.get("x-paddock-log-times")).toBe("kept");
  expect(agent.log.asked[0]).toMatchObject({ since, until: since, timestamps: true });
  agent.logTimes = false;
  expect((await send("GET", `${LOGS}&since=1`)).headers.get("x-paddock-log-times")).toBe("inferred");
  expect((await send("GET", LOGS)).headers.get("x-paddock-log-times")).toBeNull();
});
