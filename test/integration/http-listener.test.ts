import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type Api, createApi } from "../../src/api/app.ts";
import { createLog } from "../../src/base/log.ts";
import type { HttpConfig } from "../../src/config/http.ts";
import { type HttpListeners, planHttp } from "../../src/daemon/http.ts";
import { type MadeCertificate, makeAuthority } from "../helpers/certificates.ts";
import { createFakeAgent, type FakeAgent } from "../helpers/fake-agent.ts";
import { freePort } from "../helpers/ports.ts";
import { allocation, jobRecord } from "../helpers/records.ts";
import { secretFor } from "../helpers/remote.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";
import { until } from "../helpers/until.ts";

const dir = tempPerTest();
const authority = makeAuthority();
const NAMES = { for: ["localhost", "127.0.0.1"] };

interface Bed {
  readonly agent: FakeAgent;
  readonly api: Api;
  readonly port: number;
  readonly lines: readonly string[];
  readonly listeners: HttpListeners;
}

const open: HttpListeners[] = [];
afterEach(async () => {
  for (const listeners of open.splice(0)) await listeners.stop();
});

function use({ cert, key }: MadeCertificate): void {
  writeFileSync(dir.file("cert.pem"), cert);
  writeFileSync(dir.file("key.pem"), key, { mode: 0o600 });
}

async function serve(change: Partial<HttpConfig> = {}): Promise<Bed> {
  const port = await freePort();
  const config = {
    addresses: ["127.0.0.1"],
    port,
    advertise: null,
    tls: null,
    allowPlaintext: false,
    maxPerClient: 100,
    ...change,
  };
  const agent = createFakeAgent();
  const lines: string[] = [];
  const log = createLog("info", (line) => lines.push(line));
  const plan = planHttp(config, log);
  const elsewhere = { ...plan, httpAddress: () => plan.httpAddress("192.0.2.1") };
  const api = createApi(agent, { log, version: "1", httpAddress: "", elsewhere });
  const listeners = await plan.open(api.fetchRemote);
  open.push(listeners);
  return { agent, api, port, lines, listeners };
}

const tlsFiles = (clients = false): NonNullable<HttpConfig["tls"]> => ({
  certFile: dir.file("cert.pem"),
  keyFile: dir.file("key.pem"),
  clientCaFile: clients ? dir.file("ca.pem") : null,
});

const withToken = (secret: string): RequestInit => ({ headers: { "x-nomad-token": secret } });
const trusting = (more: object = {}): object => ({ tls: { ca: authority.cert, ...more } });

describe("the API by TCP", () => {
  test("answers a token and nobody else, on the loopback address too", async () => {
    const { agent, port } = await serve();
    const url = `http://127.0.0.1:${port}/v1/jobs`;
    expect((await fetch(url)).status).toBe(403);
    expect((await fetch(url, withToken(secretFor(agent, "read")))).status).toBe(200);
    const unsent = await fetch(url, { method: "PUT", body: "{}", ...withToken(secretFor(agent, "read")) });
    expect(unsent.status).toBe(403);
    expect(agent.registered).toEqual([]);
  });

  test("has bodies, streams and a console", async () => {
    const { agent, port } = await serve();
    agent.put({ job: jobRecord(), allocation: allocation() });
    const secret = secretFor(agent, "operate");
    const search = { method: "POST", body: JSON.stringify({ Prefix: "we", Context: "jobs" }), ...withToken(secret) };
    expect(await (await fetch(`http://127.0.0.1:${port}/v1/search`, search)).json()).toMatchObject({
      Matches: { jobs: ["web"] },
    });
    const leave = new AbortController();
    const path = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`;
    const log = await fetch(`http://127.0.0.1:${port}${path}`, { ...withToken(secret), signal: leave.signal });
    expect((await log.body?.getReader().read())?.done).toBe(false);
    leave.abort();
    const console = `ws://127.0.0.1:${port}/v1/vm/${allocation().id}/vm/console`;
    const refused = new WebSocket(console);
    const closed = await new Promise<number>((resolve) =>
      refused.addEventListener("close", ({ code }) => resolve(code)),
    );
    expect(closed).not.toBe(1000);
    expect(agent.viewers).toEqual([]);
    const socket = new WebSocket(console, withToken(secret) as never);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    socket.send(new Uint8Array([1, 2]));
    await until("what was typed to come", () => agent.viewers[0]?.typed.length === 1);
    const over = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
    for (const { accessor } of agent.tokens.list()) agent.tokens.revoke(accessor);
    expect(await over).toBe(1008);
  });

  test("ends what is under way when it stops", async () => {
    const { agent, port, listeners } = await serve();
    const query = fetch(`http://127.0.0.1:${port}/v1/jobs?index=20`, withToken(secretFor(agent, "read")));
    await until("the query to be there", () => agent.changes.index > 0);
    await listeners.stop();
    await expect(query).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${port}/v1/jobs`)).rejects.toThrow();
  });

  test("says who cannot be listened at, and opens nothing then", async () => {
    const { port } = await serve();
    const first = await freePort();
    const plan = planHttp(
      {
        addresses: ["127.0.0.1", "192.0.2.1"],
        port: first,
        advertise: null,
        tls: null,
        allowPlaintext: true,
        maxPerClient: 0,
      },
      createLog("error", () => undefined),
    );
    await expect(plan.open(async () => new Response(""))).rejects.toThrow(
      `cannot listen on 192.0.2.1:${first}: this host has no such address`,
    );
    await expect(fetch(`http://127.0.0.1:${first}/`)).rejects.toThrow();
    await expect(serve({ port })).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: another program listens there`);
  });

  test("is said to go in the open where that is so", async () => {
    const { lines } = await serve({ addresses: ["0.0.0.0"], allowPlaintext: true });
    expect(lines.join("\n")).toContain("tokens and jobs go over the network for all to read");
  });
});

describe("TLS", () => {
  test("is spoken with the certificate, and nothing older than 1.2, and needs a token as well", async () => {
    use(authority.issue("vm1", NAMES));
    const { agent, port, lines } = await serve({ tls: tlsFiles() });
    const url = `https://localhost:${port}/v1/jobs`;
    expect((await fetch(url, trusting())).status).toBe(403);
    expect((await fetch(url, { ...withToken(secretFor(agent, "read")), ...trusting() })).status).toBe(200);
    await expect(fetch(url)).rejects.toThrow();
    await expect(fetch(`http://localhost:${port}/v1/jobs`)).rejects.toThrow();
    expect(lines.join("\n")).toContain(`https://127.0.0.1:${port}`);
  });

  test("with clients' certificates lets nobody in without one of the authority's, whatever their token", async () => {
    use(authority.issue("vm1", NAMES));
    writeFileSync(dir.file("ca.pem"), authority.cert);
    const { agent, port } = await serve({ tls: tlsFiles(true) });
    const url = `https://localhost:${port}/v1/jobs`;
    const secret = withToken(secretFor(agent, "admin"));
    await expect(fetch(url, { ...secret, ...trusting() })).rejects.toThrow();
    await expect(fetch(url, { ...secret, ...trusting(makeAuthority().issue("stranger")) })).rejects.toThrow();
    const old = authority.issue("old", { from: 0, to: Date.now() - 1000 });
    await expect(fetch(url, { ...secret, ...trusting(old) })).rejects.toThrow();
    const own = trusting(authority.issue("client"));
    expect((await fetch(url, { ...secret, ...own })).status).toBe(200);
    expect((await fetch(url, own)).status).toBe(403);
  });

  test("goes on with another certificate at SIGHUP, and what runs goes on", async () => {
    use(authority.issue("vm1", NAMES));
    const { agent, port, listeners } = await serve({ tls: tlsFiles() });
    agent.put({ job: jobRecord(), allocation: allocation() });
    const secret = withToken(secretFor(agent, "read"));
    const path = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`;
    const log = await fetch(`https://localhost:${port}${path}`, { ...secret, ...trusting() });
    expect(log.status).toBe(200);
    const reader = log.body?.getReader();
    await reader?.read();
    const other = makeAuthority("another");
    use(other.issue("vm1", NAMES));
    for (let at = 0; at < 3; at++) listeners.renew();
    const fresh = { ...secret, tls: { ca: other.cert }, keepalive: false };
    expect((await fetch(`https://localhost:${port}/v1/jobs`, fresh as object)).status).toBe(200);
    // Heartbeats of the stream that was there before.
    for (let at = 0; at < 2; at++) expect((await reader?.read())?.done).toBe(false);
    await reader?.cancel();
  });

  test.each([
    [
      "a key of another",
      () => use({ cert: authority.issue("vm1", NAMES).cert, key: authority.issue("x").key }),
      "it is not the key of the certificate",
    ],
    [
      "an expired one",
      () => use(authority.issue("vm1", { ...NAMES, from: 0, to: 86_400_000 })),
      "has expired on 1970-01-02T00:00:00Z",
    ],
    ["half a file", () => writeFileSync(dir.file("cert.pem"), "-----BEGIN"), "expected a certificate in PEM"],
  ])("stays as it is when what is read at SIGHUP is no good: %s", async (_, spoil, message) => {
    use(authority.issue("vm1", NAMES));
    const { agent, port, lines, listeners } = await serve({ tls: tlsFiles() });
    spoil();
    listeners.renew();
    expect(lines.join("\n")).toContain("the certificate was not read again; the one before stays");
    expect(lines.join("\n")).toContain(message);
    const init = { ...withToken(secretFor(agent, "read")), ...trusting(), keepalive: false };
    expect((await fetch(`https://localhost:${port}/v1/jobs`, init)).status).toBe(200);
  });
});
