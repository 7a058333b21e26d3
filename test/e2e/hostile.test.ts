import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startAgent, type TestAgent } from "../helpers/agent.ts";
import { freePort } from "../helpers/ports.ts";
import { type RawClient, rawClient } from "../helpers/raw-client.ts";
import { until } from "../helpers/until.ts";

let agent: TestAgent;
let port: number;
const secrets: Record<string, string> = {};

beforeAll(async () => {
  port = await freePort();
  agent = await startAgent({ config: `bind_addr = "127.0.0.1"\nports { http = ${port} }` });
  for (const role of ["read", "operate"]) {
    secrets[role] = (await agent.run(["token", "create", "-role", role])).stdout.trim();
  }
});
afterAll(() => agent[Symbol.asyncDispose]());

/** Bytes of memory that the agent has. */
function memory(): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${agent.pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

async function answers(): Promise<void> {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/agent/health`, {
    headers: { "x-nomad-token": secrets["read"] ?? "" },
  });
  expect(reply.status).toBe(200);
  expect((await agent.request("/v1/agent/health")).status).toBe(200);
}

/** Memory comes back when what took it is gone and was looked for; an agent that kept the bodies of these tests would have 100s of MiB. */
async function isAsBefore(before: number): Promise<void> {
  await answers();
  await until("the agent's memory to be back", async () => {
    await agent.request("/v1/regions");
    return memory() < before + (64 << 20);
  });
}

const request = (line: string, ...headers: readonly string[]): string =>
  [line, "Host: localhost", ...headers, "", ""].join("\r\n");
const token = (role = "operate"): string => `X-Nomad-Token: ${secrets[role]}`;

/** @param meanwhile is done at each look. */
const allClosed = (clients: readonly RawClient[], meanwhile = (): void => undefined) =>
  until(
    "the agent to close all of them",
    () => {
      meanwhile();
      return clients.every((client) => client.isClosed());
    },
    { deadline: 90_000, every: 100 },
  );

describe("clients that are slow on purpose", () => {
  test("are closed, whether they send nothing, half a head, or a head that never ends, and others are answered meanwhile", async () => {
    const before = memory();
    const idle = Array.from({ length: 200 }, () => rawClient(port));
    const half = Array.from({ length: 200 }, () => rawClient(port, "GET /v1/jobs HTTP/1.1\r\nHost: loc"));
    const dripping = Array.from({ length: 100 }, () => rawClient(port, "GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"));
    const drip = (): void => {
      for (const { socket } of dripping) if (!socket.destroyed) socket.write("X-More: and more\r\n");
    };
    const silent = Array.from({ length: 20 }, () =>
      rawClient(port, request("GET /v1/regions HTTP/1.1", token("read"))),
    );
    await answers();
    await allClosed([...idle, ...half, ...dripping], drip);
    for (const { socket } of silent) socket.destroy();
    await isAsBefore(before);
  });

  test("with a body that never ends are closed when they have no token at once, and else when they let the agent wait", async () => {
    const before = memory();
    const head = (...more: readonly string[]) => request("PUT /v1/jobs HTTP/1.1", "Content-Length: 1000000", ...more);
    const stranger = rawClient(port, head());
    await allClosed([stranger]);
    expect(stranger.status()).toBe(403);
    const known = Array.from({ length: 50 }, () => rawClient(port, `${head(token())}{`));
    await answers();
    // What it is told to be patient for is no test's to wait for: the agent lets go of those that leave.
    for (const { socket } of known) socket.destroy();
    await isAsBefore(before);
  });
});

describe("bodies that are too large", () => {
  test("are refused by what is said of them, and by what comes", async () => {
    const before = memory();
    const said = Array.from({ length: 20 }, () =>
      rawClient(port, request("PUT /v1/jobs HTTP/1.1", token(), `Content-Length: ${1 << 30}`)),
    );
    const coming = Array.from({ length: 20 }, () =>
      rawClient(port, request("PUT /v1/jobs HTTP/1.1", token(), "Transfer-Encoding: chunked")),
    );
    for (const client of coming) client.pour(`10000\r\n${"x".repeat(1 << 16)}\r\n`);
    await allClosed([...said, ...coming]);
    for (const client of said) expect(client.status()).toBe(413);
    await isAsBefore(before);
  });

  test("of strangers are not taken at all", async () => {
    const before = memory();
    const strangers = Array.from({ length: 50 }, () =>
      rawClient(port, request("PUT /v1/jobs HTTP/1.1", "Transfer-Encoding: chunked")),
    );
    for (const client of strangers) client.pour(`10000\r\n${"x".repeat(1 << 16)}\r\n`);
    await allClosed(strangers);
    await isAsBefore(before);
  });

  test("and heads of 100 KB get 431", async () => {
    const client = rawClient(port, request("GET /v1/jobs HTTP/1.1", `X-Long: ${"x".repeat(100_000)}`));
    await allClosed([client]);
    expect(client.status()).toBe(431);
  });
});

describe("what is no request", () => {
  test("gets no good reply and hurts nobody", async () => {
    const clients = [
      "\u0000\u0001\u0002\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
      "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n",
      request("PUT /v1/jobs HTTP/1.1", "Content-Length: 5", "Content-Length: 6"),
      request("PUT /v1/jobs HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked"),
      request("PUT /v1/jobs HTTP/1.1", "Content-Length: -1"),
      `${request("PUT /v1/jobs HTTP/1.1", "Transfer-Encoding: chunked")}zz\r\n`,
      request("GET  HTTP/1.1"),
    ].map((bytes) => rawClient(port, Buffer.from(bytes, "latin1")));
    await answers();
    await allClosed(clients);
    for (const client of clients) expect([200, 500]).not.toContain(client.status());
  });

  test.each([
    "/v1/jobs/../acl/tokens",
    "/v1/jobs/%2e%2e/acl/tokens",
    "/v1/jobs/..%2facl/tokens",
    "//v1/acl/tokens",
    "/v1//acl/tokens",
    "/v1/acl//tokens",
    "/v1/acl/tokens/",
    "/v1/acl/token%73",
    "/V1/acl/tokens",
    "/v1/acl/tokens;x",
    "/v1/acl/tokens%00",
    "/v1/acl/tokens%0d%0aX-A:b",
    "/v1/job/%ff%fe",
    "/v1/job/\u00ff\u00fe",
    "/v1/job/%c0%ae%c0%ae%c0%af",
    "/v1/job/..%2f..%2f..%2fetc%2fpasswd",
    "/v1/job/%00",
    "/v1/job/%",
    "/v1/job/%E0%A4%A",
    `/v1/job/${"a".repeat(12_000)}`,
    "/v1/allocation/..%2f..%2fpaddock.db",
    "/v1/client/fs/logs/..%2f..%2f..?task=..%2f..%2fetc%2fpasswd&type=stdout",
    "/v1/client/fs/logs/x?task=vm&type=..%2f..%2fx",
    "/v1/image/..%2F..%2Fpaddock.db",
    "/v1/vm/../../acl/tokens",
    "/v1/vm/..%2f/..%2f/console",
    "/v1/jobs?prefix=%ff%00&index=99999999999999999999",
    "http://127.0.0.1/v1/acl/tokens",
    "*",
  ])("a path leads nowhere that the role may not go: GET %s", async (path) => {
    const bytes = Buffer.from(request(`GET ${path} HTTP/1.1`, token("read"), "Connection: close"), "latin1");
    const client = rawClient(port, bytes);
    await until("an answer", () => client.isClosed());
    expect([400, 403, 404, 405, 414, 426, 431, 501]).toContain(client.status() ?? 0);
    expect(client.text()).not.toContain("AccessorID");
    expect(client.text()).not.toContain(agent.dir);
    expect(client.text()).not.toMatch(/\bat .*:\d+:\d+/);
  });

  test.each(["\u00ff\u00fe", "a b", `paddock_${"x".repeat(10_000)}`, "null", "undefined", "__proto__", "constructor"])(
    "a token that is none lets nobody in: %s",
    async (secret) => {
      for (const header of [`X-Nomad-Token: ${secret}`, `Authorization: Bearer ${secret}`]) {
        const bytes = Buffer.from(request("GET /v1/jobs HTTP/1.1", header, "Connection: close"), "latin1");
        const client = rawClient(port, bytes);
        await until("an answer", () => client.isClosed());
        expect([403, 429]).toContain(client.status() ?? 0);
      }
    },
  );

  test("a second request behind the first one's back is asked for its own token", async () => {
    const first = request("GET /v1/regions HTTP/1.1", token("read"));
    const second = request("GET /v1/regions HTTP/1.1", "Connection: close");
    const client = rawClient(port, first + second);
    await until("both answers", () => client.isClosed());
    expect([...client.text().matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status)).toEqual([
      "200",
      expect.stringMatching(/403|429/),
    ] as string[]);
  });
});

test("a thousand requests that wait are bounded for one address, and go when their clients do", async () => {
  const before = memory();
  const index = Number((await agent.request("/v1/jobs")).headers.get("x-nomad-index"));
  const wait = request(`GET /v1/jobs?index=${index}&wait=300s HTTP/1.1`, token("read"));
  const clients = Array.from({ length: 1_000 }, () => rawClient(port, wait));
  await until(
    "those beyond the bound to be refused",
    () => clients.filter((client) => client.status() === 429).length >= 900,
  );
  expect(clients.filter((client) => client.status() === 429).length).toBe(900);
  // On the socket nobody is counted.
  expect((await agent.request("/v1/agent/health")).status).toBe(200);
  for (const { socket } of clients) socket.destroy();
  await until("the address to be let in again", async () => {
    await answers();
    return true;
  });
  await isAsBefore(before);
});
