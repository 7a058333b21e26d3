import { describe, expect, test } from "bun:test";
import { createApi } from "../../../../src/api/app.ts";
import { createLog } from "../../../../src/base/log.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { createFakeAgent } from "../../../helpers/fake-agent.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { allocation, jobRecord } from "../../../helpers/records.ts";
import { remoteClient, secretFor } from "../../../helpers/remote.ts";
import { turn } from "../../../helpers/turn.ts";

function bed(maxPerClient = 100, advertise: string | null = null) {
  const clock = manualClock();
  const agent = createFakeAgent(clock);
  const lines: string[] = [];
  const elsewhere = {
    advertise,
    tls: true,
    names: () => ["vm1.example.org", "*.lab.example.org"],
    maxPerClient,
  };
  const log = createLog("info", (line) => lines.push(line));
  const api = createApi(agent, { log, version: "1.2.3", httpAddress: "unix:///x", clock, elsewhere });
  return { agent, api, clock, lines, client: remoteClient(api) };
}

describe("without a good token", () => {
  const REVOKED = "paddock_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  test.each([
    ["no header", {}, "Permission denied: a token is needed here"],
    ["an empty one", { "x-nomad-token": "" }, "Permission denied: a token is needed here"],
    ["another scheme", { authorization: `Basic ${REVOKED}` }, "Permission denied: a token is needed here"],
    ["a wrong one", { "x-nomad-token": REVOKED }, "ACL token not found"],
    [
      "another scheme's word",
      { authorization: `Basic bearer ${REVOKED}` },
      "Permission denied: a token is needed here",
    ],
    ["a wrong bearer", { authorization: `Bearer ${REVOKED}` }, "ACL token not found"],
  ])("nobody gets in: %s", async (_, headers, message) => {
    const { client, agent, lines } = bed();
    secretFor(agent, "admin");
    for (const [method, path] of [
      ["GET", "/v1/agent/health"],
      ["GET", "/v1/jobs"],
      ["PUT", "/v1/jobs"],
      ["GET", "/nothing"],
      ["GET", "/v1/vm/x/vm/console"],
      ["OPTIONS", "/v1/jobs"],
    ] as const) {
      const reply = await client.send(method, path, { headers });
      expect(reply.headers.get("connection")).toBe("close");
      const { status, lines: text } = await refusalOf(reply);
      expect({ status, message: text[0] }).toEqual({ status: 403, message });
    }
    expect(lines.join("\n")).not.toContain(REVOKED);
  });

  test("one client is told ten times a minute, others are told for themselves, and a good token gets in meanwhile", async () => {
    const { client, agent, api, lines, clock } = bed();
    const secret = secretFor(agent, "read");
    const statuses: number[] = [];
    for (let at = 0; at < 12; at++) statuses.push((await client.send("GET", "/v1/jobs", { secret: "x" })).status);
    expect(statuses).toEqual([...Array(10).fill(403), 429, 429]);
    expect(lines).toHaveLength(10);
    expect((await client.send("GET", "/v1/jobs")).headers.get("retry-after")).toBe("60");
    expect((await client.send("GET", "/v1/jobs", { secret })).status).toBe(200);
    expect((await remoteClient(api, "192.0.2.8").send("GET", "/v1/jobs")).status).toBe(403);
    clock.advance(60_000);
    expect((await client.send("GET", "/v1/jobs")).status).toBe(403);
  });

  test("all addresses of an IPv6 network are one client", async () => {
    const { api } = bed();
    const ask = async (address: string) => (await remoteClient(api, address).send("GET", "/v1/jobs")).status;
    for (let at = 0; at < 10; at++) await ask(`2001:db8:1:2::${at}`);
    expect(await ask("2001:db8:1:2:ffff::1")).toBe(429);
    expect(await ask("2001:db8:1:3::1")).toBe(403);
  });
});

test.each([
  ["X-Nomad-Token", (secret: string) => ({ "x-nomad-token": secret })],
  ["Authorization: Bearer", (secret: string) => ({ authorization: `Bearer ${secret}` })],
  ["authorization: bearer", (secret: string) => ({ authorization: `bearer  ${secret}` })],
])("a token comes as %s", async (_, headers) => {
  const { agent, client } = bed();
  expect((await client.send("GET", "/v1/jobs", { headers: headers(secretFor(agent, "read")) })).status).toBe(200);
});

test.each([
  [null, "a.lab.example.org:4646"],
  ["vm1.example.org:443", "vm1.example.org:443"],
])(
  "a client elsewhere is told what it calls the agent by, or what is advertised (%p), one on the socket the socket",
  async (advertise, told) => {
    const { agent, api, client } = bed(100, advertise);
    const node = `/v1/node/${agent.node.id}`;
    const headers = { host: "a.lab.example.org:4646" };
    const there = await (await client.send("GET", node, { secret: secretFor(agent, "read"), headers })).json();
    expect(there).toMatchObject({ HTTPAddr: told, TLSEnabled: true });
    const here = await (await api.fetch(new Request(`http://localhost${node}`))).json();
    expect(here).toMatchObject({ HTTPAddr: "unix:///x", TLSEnabled: false });
  },
);

test.each([
  ["vm1.example.org:4646", 200],
  ["VM1.example.org", 200],
  ["a.lab.example.org:1", 200],
  ["lab.example.org", 403],
  ["a.b.lab.example.org", 403],
  [".lab.example.org", 403],
  ["192.0.2.1:4646", 200],
  ["[2001:db8::1]:4646", 200],
  ["localhost:4646", 200],
  ["vm1.example.org.evil.example", 403],
  ["evil.example", 403],
  ["192.0.2.1.evil.example", 403],
])("a request to the host %s is answered with %d", async (host, status) => {
  const { agent, client } = bed();
  const reply = await client.send("GET", "/v1/jobs", { secret: secretFor(agent, "read"), headers: { host } });
  expect(reply.status).toBe(status);
});

test("pages of other origins are refused also when a browser knows the token", async () => {
  const { agent, client } = bed();
  const headers = { host: "vm1.example.org", origin: "https://evil.example" };
  expect((await client.send("GET", "/v1/jobs", { secret: secretFor(agent, "admin"), headers })).status).toBe(403);
});

describe("what is under way", () => {
  test("is counted by address, and more than so much is refused until some of it ends", async () => {
    const { agent, api, client } = bed(2);
    const secret = secretFor(agent, "read");
    const wait = () => client.send("GET", "/v1/jobs?index=20", { secret });
    const [first, second] = [wait(), wait()];
    await turn();
    const { status, lines } = await refusalOf(await client.send("GET", "/v1/jobs", { secret }));
    expect({ status, first: lines[0] }).toEqual({
      status: 429,
      first: "too many requests of this address at the same time",
    });
    expect((await remoteClient(api, "192.0.2.8").send("GET", "/v1/jobs", { secret })).status).toBe(200);
    agent.put({ job: jobRecord() });
    for (const reply of await Promise.all([first, second])) await reply.text();
    for (let at = 0; at < 5; at++) {
      const reply = await client.send("GET", "/v1/jobs", { secret });
      expect(reply.status).toBe(200);
      await reply.text();
    }
  });

  test("ends when its client leaves, and is not counted any more", async () => {
    const { agent, client } = bed(1);
    const secret = secretFor(agent, "read");
    const leave = new AbortController();
    const waiting = client.send("GET", "/v1/jobs?index=20", { secret, signal: leave.signal });
    await turn();
    expect((await client.send("GET", "/v1/jobs", { secret })).status).toBe(429);
    leave.abort();
    await (await waiting).body?.cancel();
    expect((await client.send("GET", "/v1/jobs", { secret })).status).toBe(200);
  });

  test.each([
    [
      "is revoked",
      (one: ReturnType<typeof bed>) => {
        for (const { accessor } of one.agent.tokens.list()) one.agent.tokens.revoke(accessor);
      },
    ],
    ["expires", (one: ReturnType<typeof bed>) => one.clock.advance(60_000)],
  ])("ends when its token %s: a followed log, a query that waits, a console", async (_, end) => {
    const one = bed();
    const { agent, client } = one;
    agent.put({ job: jobRecord(), allocation: allocation() });
    const secret = secretFor(agent, "operate", 60_000);
    const log = await client.send("GET", `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`, {
      secret,
    });
    const query = client.send("GET", `/v1/jobs?index=${agent.changes.index}`, { secret });
    await client.send("GET", `/v1/vm/${allocation().id}/vm/console`, { secret, headers: { upgrade: "websocket" } });
    const closed: string[] = [];
    const [socket] = client.sockets;
    socket?.open({
      send: () => undefined,
      waiting: () => 0,
      close: (code, reason) => void closed.push(`${code} ${reason}`),
    });
    const reader = log.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    end(one);
    await expect(
      (async () => {
        for (;;) if ((await reader?.read())?.done) return "done";
      })(),
    ).rejects.toThrow("the reply was cut off");
    await expect((await query).text()).rejects.toThrow("the reply was cut off");
    expect(closed).toEqual(["1008 the token is good no more"]);
    expect((await client.send("GET", "/v1/jobs", { secret })).status).toBe(403);
  });
});

test("a body may be sent slowly and what is done then may take long, and a request without one is not waited for", async () => {
  const { agent, client } = bed();
  const secret = secretFor(agent, "admin");
  await (await client.send("PUT", "/v1/system/gc", { secret, body: {} })).text();
  expect(client.patience).toEqual([60, 0]);
  await (await client.send("PUT", "/v1/system/gc", { secret })).text();
  expect(client.patience).toEqual([60, 0, 0]);
});

test("requests on the unix socket are as before: no token, whatever one says", async () => {
  const one = testApi();
  expect((await one.send("PUT", "/v1/system/gc", undefined, { "x-nomad-token": "none" })).status).toBe(200);
});
