import { expect, test } from "bun:test";
import { connect } from "node:net";
import * as v from "valibot";
import { createApi } from "../../src/api/app.ts";
import { MAX_REQUEST_BYTES } from "../../src/api/validate.ts";
import { silentLog } from "../../src/base/log.ts";
import { JobSchema, JobStubSchema } from "../../src/contract/job-record.ts";
import { RegisterReplySchema } from "../../src/contract/job-requests.ts";
import { encodeJob } from "../../src/job/wire.ts";
import { fetchUnix } from "../../src/runtime/fetch.ts";
import { serveUnix } from "../../src/runtime/serve.ts";
import { parseReply, refusalOf } from "../helpers/api.ts";
import { heldToContract } from "../helpers/contract.ts";
import { createFakeAgent, type FakeAgent } from "../helpers/fake-agent.ts";
import { allocation, jobOf, jobRecord, jobText } from "../helpers/records.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

/** The limit of the daemon's listener, above the API's own so that the API can say what is too large. */
const LISTENER_LIMIT = 2 * MAX_REQUEST_BYTES;

interface Served extends AsyncDisposable {
  readonly agent: FakeAgent;
  readonly socket: string;
  /** Aborts what waits and follows, and closes the server. */
  close(): Promise<void>;
  fetch(target: string, init?: Parameters<typeof fetchUnix>[2]): Promise<Response>;
}

/** The API with a machine on a real unix socket. */
async function serveApi(): Promise<Served> {
  const dir = tempDir();
  const socket = dir.file("api.sock");
  const agent = createFakeAgent();
  agent.put({ job: jobRecord(), allocation: allocation() });
  const stopping = new AbortController();
  const { signal } = stopping;
  const api = heldToContract(createApi(agent, { log: silentLog, version: "1.2.3", httpAddress: "", stopping: signal }));
  const server = await serveUnix(socket, api.fetch, LISTENER_LIMIT);
  const close = async (): Promise<void> => {
    stopping.abort();
    await server.stop();
  };
  return {
    agent,
    socket,
    close,
    fetch: (target, init) => fetchUnix(socket, target, init),
    [Symbol.asyncDispose]: async () => {
      await close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

const FOLLOW = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`;

/** What has come of a streamed body so far. */
function collect(reply: Response) {
  const collected = { text: "", ended: false, error: undefined as unknown };
  const reader = reply.body?.getReader();
  const decoder = new TextDecoder();
  const readAll = async (): Promise<void> => {
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) break;
      collected.text += decoder.decode(next.value, { stream: true });
    }
    collected.ended = true;
  };
  readAll().catch((error: unknown) => {
    collected.error = error;
  });
  return collected;
}

/** Sends bytes as they are and gives back what the server answers until it closes or the answer has come whole. */
function sendRaw(socket: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const connection = connect(socket, () => connection.write(bytes));
    connection.on("data", (data) => {
      answer += data;
    });
    connection.on("close", () => resolve(answer));
    connection.on("error", reject);
  });
}

test("a followed log begins at once, goes on as it grows, has heartbeats, and ends when the task is dead", async () => {
  await using served = await serveApi();
  const reply = await served.fetch(FOLLOW);
  expect(reply.status).toBe(200);
  const log = collect(reply);
  await until("heartbeats of a silent log", () => log.text.startsWith("{}{}"));
  served.agent.log.append("booting\n");
  await until("the first line", () => log.text.includes(Buffer.from("booting\n").toString("base64")));
  served.agent.log.append("login:");
  await until("the second line", () => log.text.includes('"Offset":14'));
  served.agent.log.end();
  await until("the end of the log", () => log.ended);
});

test("a client that goes away before a silent plain log had anything to say stops the reader too", async () => {
  await using served = await serveApi();
  const leaving = new AbortController();
  const waiting = served.fetch(`${FOLLOW}&plain=true`, { signal: leaving.signal }).then(
    () => "answered",
    () => "left",
  );
  await until("the reader", () => served.agent.log.readers === 1);
  leaving.abort();
  expect(await waiting).toBe("left");
  await until("the reader to be gone", () => served.agent.log.readers === 0);
});

test("a plain log that is followed comes as the guest writes it", async () => {
  await using served = await serveApi();
  served.agent.log.append("hel");
  const log = collect(await served.fetch(`${FOLLOW}&plain=true`));
  await until("the first text", () => log.text === "hel");
  served.agent.log.append("lo");
  await until("the rest", () => log.text === "hello");
});

test("a client that goes away stops the reader of its log, and nobody else's", async () => {
  await using served = await serveApi();
  const leaving = new AbortController();
  const [gone, stays] = [
    collect(await served.fetch(FOLLOW, { signal: leaving.signal })),
    collect(await served.fetch(FOLLOW)),
  ];
  served.agent.log.append("hello");
  await until("both to have it", () =>
    [gone, stays].every(({ text }) => text.includes(Buffer.from("hello").toString("base64"))),
  );
  expect(served.agent.log.readers).toBe(2);
  leaving.abort();
  await until("one reader to be gone", () => served.agent.log.readers === 1);
  served.agent.log.append("again");
  await until("the other to go on", () => stays.text.includes(Buffer.from("again").toString("base64")));
});

test("a log of many megabytes is read no faster than it is taken, and comes whole", async () => {
  await using served = await serveApi();
  const { agent, socket } = served;
  const piece = Uint8Array.from({ length: 64 * 1024 }, (_, at) => at % 251);
  const size = 256 * piece.length;
  for (let count = 0; count < 256; count++) agent.log.append(piece);
  const target = FOLLOW.replace("follow=true", "plain=true");
  const client = connect(socket, () =>
    client.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
  );
  client.pause();
  await until("the log to be read", () => agent.log.taken > 0);
  for (let count = 0; count < 50; count++) await served.fetch("/v1/regions");
  expect(agent.log.taken).toBeLessThan(size / 4);
  let received = 0;
  client.on("data", (data) => {
    received += data.length;
  });
  client.resume();
  await until("the whole log", () => received > size);
  client.destroy();
  const whole = Buffer.from(await (await served.fetch(target)).arrayBuffer());
  expect({ size: whole.length, end: whole.subarray(-piece.length).equals(Buffer.from(piece)) }).toEqual({
    size,
    end: true,
  });
  await until("the readers to be gone", () => agent.log.readers === 0);
});

test("a blocking query is woken by a change", async () => {
  await using served = await serveApi();
  const first = await served.fetch("/v1/jobs");
  const index = Number(first.headers.get("x-nomad-index"));
  let answered = false;
  const waiting = served.fetch(`/v1/jobs?index=${index}&wait=60s`).finally(() => {
    answered = true;
  });
  // A second request on the same socket is answered meanwhile: the first one does wait.
  await served.fetch("/v1/regions");
  expect(answered).toBe(false);
  served.agent.put({ job: jobRecord({ job: jobOf(jobText("db")) }) });
  const reply = await waiting;
  expect(Number(reply.headers.get("x-nomad-index"))).toBe(index + 1);
  expect((await parseReply(v.array(JobStubSchema), reply)).map(({ ID }) => ID)).toEqual(["web", "db"]);
});

test("an agent that stops answers what waits and ends what follows, and its server closes", async () => {
  await using served = await serveApi();
  const log = collect(await served.fetch(FOLLOW));
  served.agent.log.append("hello");
  await until("the log", () => log.text.includes("Offset"));
  const waiting = served.fetch("/v1/jobs?index=999&wait=10m").then(
    ({ status }) => status,
    () => "cut",
  );
  await until("the reader", () => served.agent.log.readers === 1);
  await served.close();
  await until("the reader to be gone", () => served.agent.log.readers === 0);
  expect([200, "cut"]).toContain(await waiting);
});

test("a thousand requests at once are all answered, right", async () => {
  await using served = await serveApi();
  const ids = await Promise.all(
    Array.from({ length: 1_000 }, async () => (await parseReply(JobSchema, await served.fetch("/v1/job/web"))).ID),
  );
  expect(ids.every((id) => id === "web")).toBe(true);
});

test("a job with a slash in its id is found over the wire", async () => {
  await using served = await serveApi();
  served.agent.put({ job: jobRecord({ job: jobOf(jobText("team/web")) }) });
  expect((await parseReply(JobSchema, await served.fetch("/v1/job/team%2Fweb"))).ID).toBe("team/web");
});

test("a job is registered by a client that sends no content type, as the nomad CLI does", async () => {
  await using served = await serveApi();
  const body = JSON.stringify({ Job: encodeJob(jobOf(jobText("db"))) });
  const answer = await sendRaw(
    served.socket,
    `PUT /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  expect(answer).toStartWith("HTTP/1.1 200 ");
  const reply = new Response(answer.slice(answer.indexOf("\r\n\r\n") + 4));
  expect((await parseReply(RegisterReplySchema, reply)).JobModifyIndex).toBeGreaterThan(20);
  expect(served.agent.registered.map(({ job }) => job.id)).toEqual(["db"]);
});

test("a body that is too large for the API is 413 with its limit, one that is too large for the listener 413 too, and the agent lives", async () => {
  await using served = await serveApi();
  const large = await served.fetch("/v1/jobs", { method: "PUT", body: " ".repeat(MAX_REQUEST_BYTES + 1) });
  expect(await refusalOf(large)).toEqual({ status: 413, lines: ["the request body is larger than 4 MiB"] });
  const answer = await sendRaw(
    served.socket,
    `PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${LISTENER_LIMIT * 100}\r\n\r\n`,
  );
  expect(answer).toStartWith("HTTP/1.1 413 ");
  expect((await served.fetch("/v1/regions")).status).toBe(200);
});

test("malformed JSON is 400 with its place, and the agent lives", async () => {
  await using served = await serveApi();
  const reply = await served.fetch("/v1/jobs", { method: "PUT", body: '{"Job": {]}' });
  const { status, lines } = await refusalOf(reply);
  expect({ status, first: lines[0]?.startsWith("<request>:1:10: ") }).toEqual({ status: 400, first: true });
  expect((await served.fetch("/v1/regions")).status).toBe(200);
});

test("a browser's request from another origin, or under another name of this host, is refused on the socket too", async () => {
  await using served = await serveApi();
  const foreign = await served.fetch("/v1/jobs", { headers: { origin: "https://evil.example" } });
  expect(foreign.status).toBe(403);
  const rebound = await sendRaw(
    served.socket,
    "GET /v1/jobs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
  );
  expect(rebound).toStartWith("HTTP/1.1 403 ");
});
