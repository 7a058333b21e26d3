import { describe, expect, spyOn, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createLog } from "../../src/base/log.ts";
import { planHttp } from "../../src/daemon/http.ts";
import { serveTcp } from "../../src/runtime/serve.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { freePort } from "../helpers/ports.ts";
import { rawClient } from "../helpers/raw-client.ts";
import { allocation, jobRecord } from "../helpers/records.ts";
import { secretFor } from "../helpers/remote.ts";
import { makeTlsPlace, serveRemoteApi, type TlsPlace } from "../helpers/remote-api.ts";
import { until } from "../helpers/until.ts";

const withToken = (secret: string): RequestInit => ({ headers: { "x-nomad-token": secret } });
const trusting = ({ authority }: TlsPlace, more: object = {}): object => ({ tls: { ca: authority.cert, ...more } });

describe("the API by TCP", () => {
  test("answers a token and nobody else, on the loopback address too, where guests come from", async () => {
    await using one = await serveRemoteApi();
    const { agent, port } = one;
    const url = `http://127.0.0.1:${port}/v1/jobs`;
    expect((await fetch(url)).status).toBe(403);
    // What QEMU's user network makes of a guest's request to 10.0.2.2.
    expect((await fetch(url, { headers: { host: `10.0.2.2:${port}` } })).status).toBe(403);
    expect((await fetch(url, withToken(secretFor(agent, "read")))).status).toBe(200);
    const unsent = await fetch(url, { method: "PUT", body: "{}", ...withToken(secretFor(agent, "read")) });
    expect(unsent.status).toBe(403);
    expect(agent.registered).toEqual([]);
  });

  test("has bodies, streams and a console", async () => {
    await using one = await serveRemoteApi();
    const { agent, port } = one;
    agent.put({ job: jobRecord(), allocation: allocation() });
    const secret = secretFor(agent, "operate");
    const search = { method: "POST", body: JSON.stringify({ Prefix: "we", Context: "jobs" }), ...withToken(secret) };
    const found = await fetch(`http://127.0.0.1:${port}/v1/search`, search);
    expect(await found.json()).toMatchObject({ Matches: { jobs: ["web"] } });
    const leave = new AbortController();
    const path = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`;
    const log = await fetch(`http://127.0.0.1:${port}${path}`, { ...withToken(secret), signal: leave.signal });
    expect((await log.body?.getReader().read())?.done).toBe(false);
    await until("the log to be read", () => agent.log.readers === 1);
    leave.abort();
    await until("the log to be let go of", () => agent.log.readers === 0);
    const console = `ws://127.0.0.1:${port}/v1/vm/${allocation().id}/vm/console`;
    const closed = (socket: WebSocket) =>
      new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
    expect(await closed(new WebSocket(console))).not.toBe(1000);
    expect(agent.viewers).toEqual([]);
    const socket = new WebSocket(console, withToken(secret) as never);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    socket.send(new Uint8Array([1, 2]));
    await until("what was typed to come", () => agent.viewers[0]?.typed.length === 1);
    const over = closed(socket);
    for (const { accessor } of agent.tokens.list()) agent.tokens.revoke(accessor);
    expect(await over).toBe(1008);
    await until("the console to be left", () => agent.viewers.length === 0);
  });

  test("reads a log no faster than it is taken", async () => {
    await using one = await serveRemoteApi();
    const { agent, port } = one;
    agent.put({ job: jobRecord(), allocation: allocation() });
    const piece = new Uint8Array(64 << 10);
    for (let count = 0; count < 512; count++) agent.log.append(piece);
    const path = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&plain=true`;
    const head = [`GET ${path} HTTP/1.1`, "Host: localhost", `X-Nomad-Token: ${secretFor(agent, "read")}`, "", ""];
    const { socket } = rawClient(port, head.join("\r\n"));
    socket.pause();
    await until("the log to be read", () => agent.log.taken > 0);
    for (let count = 0; count < 50; count++) await fetch(`http://127.0.0.1:${port}/v1/regions`);
    expect(agent.log.taken).toBeLessThan(256 * piece.length);
    socket.destroy();
    await until("the reader to be gone", () => agent.log.readers === 0);
  });

  test("ends what is under way when it stops", async () => {
    await using one = await serveRemoteApi();
    const { agent, port, listeners } = one;
    agent.put({ job: jobRecord(), allocation: allocation() });
    const path = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`;
    const log = await fetch(`http://127.0.0.1:${port}${path}`, withToken(secretFor(agent, "read")));
    await until("the log to be read", () => agent.log.readers === 1);
    await listeners.stop();
    await expect(log.text()).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${port}/v1/jobs`)).rejects.toThrow();
  });

  test("says where it cannot be served, and opens nothing then", async () => {
    await using one = await serveRemoteApi();
    const port = await freePort();
    const usual = { port, advertise: null, tls: null, allowPlaintext: true, maxPerClient: 0 };
    const plan = planHttp(
      { ...usual, addresses: ["127.0.0.1", "192.0.2.1"] },
      createLog("error", () => undefined),
    );
    const message = `cannot listen on 192.0.2.1:${port}: this host has no such address`;
    await expect(plan.open(async () => new Response(""))).rejects.toThrow(message);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    const busy = `cannot listen on 127.0.0.1:${one.port}: another program listens there`;
    await expect(serveRemoteApi({ port: one.port })).rejects.toThrow(busy);
  });

  test("knows a client of a listener for both families by its own address", async () => {
    const server = serveTcp({ address: "::", port: 0, tls: null, maxBodyBytes: 1_000 }, (_, { address }) => {
      return new Response(address);
    });
    try {
      expect(await (await fetch(`http://127.0.0.1:${server?.port}/`)).text()).toBe("127.0.0.1");
      expect(await (await fetch(`http://[::1]:${server?.port}/`)).text()).toBe("::1");
    } finally {
      await server?.stop();
    }
  });

  test("is said to go in the open where that is so", async () => {
    await using one = await serveRemoteApi({ addresses: ["0.0.0.0"], allowPlaintext: true });
    expect(one.lines.join("\n")).toContain("tokens and jobs go over the network for all to read");
  });
});

describe("TLS", () => {
  test("is spoken with the certificate, and needs a token as well", async () => {
    await using place = makeTlsPlace();
    await using one = await serveRemoteApi({ tls: place.files() });
    const url = `https://localhost:${one.port}/v1/jobs`;
    expect((await fetch(url, trusting(place))).status).toBe(403);
    const secret = withToken(secretFor(one.agent, "read"));
    expect((await fetch(url, { ...secret, ...trusting(place) })).status).toBe(200);
    await expect(fetch(url)).rejects.toThrow();
    await expect(fetch(`http://localhost:${one.port}/v1/jobs`)).rejects.toThrow();
    expect(one.lines.join("\n")).toContain(`https://127.0.0.1:${one.port}`);
  });

  test("with clients' certificates lets nobody in without one of the authority's, whatever their token", async () => {
    await using place = makeTlsPlace();
    await using one = await serveRemoteApi({ tls: place.files(true) });
    const url = `https://localhost:${one.port}/v1/jobs`;
    const secret = withToken(secretFor(one.agent, "admin"));
    await expect(fetch(url, { ...secret, ...trusting(place) })).rejects.toThrow();
    const stranger = trusting(place, makeAuthority().issue("stranger"));
    await expect(fetch(url, { ...secret, ...stranger })).rejects.toThrow();
    const old = trusting(place, place.authority.issue("old", { from: 0, to: Date.now() - 1000 }));
    await expect(fetch(url, { ...secret, ...old })).rejects.toThrow();
    const own = trusting(place, place.authority.issue("client"));
    expect((await fetch(url, { ...secret, ...own })).status).toBe(200);
    expect((await fetch(url, own)).status).toBe(403);
  });

  test("goes on with another certificate at SIGHUP, and what runs goes on", async () => {
    await using place = makeTlsPlace();
    await using one = await serveRemoteApi({ tls: place.files() });
    one.agent.put({ job: jobRecord(), allocation: allocation() });
    const secret = withToken(secretFor(one.agent, "read"));
    const path = `/v1/client/fs/logs/${allocation().id}?task=vm&type=stdout&follow=true`;
    const log = await fetch(`https://localhost:${one.port}${path}`, { ...secret, ...trusting(place) });
    const reader = log.body?.getReader();
    await reader?.read();
    const other = makeAuthority("another");
    place.use(other.issue("vm1", place.names));
    const fresh: object = { ...secret, tls: { ca: other.cert }, keepalive: false };
    for (let at = 0; at < 3; at++) {
      await one.listeners.renew();
      expect((await fetch(`https://localhost:${one.port}/v1/jobs`, fresh)).status).toBe(200);
    }
    one.agent.log.append("still here");
    const piece = await reader?.read();
    expect(new TextDecoder().decode(piece?.value)).toContain(btoa("still here"));
    await reader?.cancel();
  });

  test("has another certificate also where the port is free only a moment after its listener was stopped", async () => {
    await using place = makeTlsPlace();
    const { cert, key } = place.authority.issue("vm1", place.names);
    const options = { address: "127.0.0.1", port: 0, maxBodyBytes: 1_000, tls: { cert, key, clientCa: null } };
    const server = serveTcp(options, () => new Response("there"));
    const taken = Object.assign(new Error("Failed to start server"), { code: "EADDRINUSE" });
    const serve = spyOn(Bun, "serve");
    for (let times = 0; times < 3; times++) {
      serve.mockImplementationOnce(() => {
        throw taken;
      });
    }
    try {
      const other = makeAuthority("another");
      await server?.renew({ ...other.issue("vm1", place.names), clientCa: null });
      expect(serve).toHaveBeenCalledTimes(4);
      const trusted: object = { tls: { ca: other.cert }, keepalive: false };
      expect(await (await fetch(`https://localhost:${server?.port}/`, trusted)).text()).toBe("there");
    } finally {
      serve.mockRestore();
      await server?.stop();
    }
  });

  test("goes on with the certificate of before when the server takes no other", async () => {
    await using place = makeTlsPlace();
    const { cert, key } = place.authority.issue("vm1", place.names);
    const options = { address: "127.0.0.1", port: 0, maxBodyBytes: 1_000, tls: { cert, key, clientCa: null } };
    const server = serveTcp(options, () => new Response("there"));
    try {
      await expect(server?.renew({ cert: "none", key, clientCa: null })).rejects.toThrow();
      const url = `https://localhost:${server?.port}/`;
      expect(await (await fetch(url, { ...trusting(place), keepalive: false })).text()).toBe("there");
    } finally {
      await server?.stop();
    }
  });

  test.each([
    [
      "a key of another",
      ({ use, authority, names }: TlsPlace) =>
        use({ cert: authority.issue("vm1", names).cert, key: authority.issue("x").key }),
      "it is not the key of the certificate",
    ],
    [
      "an expired one",
      ({ use, authority, names }: TlsPlace) => use(authority.issue("vm1", { ...names, from: 0, to: 86_400_000 })),
      "has expired on 1970-01-02T00:00:00Z",
    ],
    [
      "half a file",
      ({ dir }: TlsPlace) => writeFileSync(dir.file("cert.pem"), "-----BEGIN"),
      "expected a certificate in PEM",
    ],
  ])("stays as it is when what is read at SIGHUP is no good: %s", async (_, spoil, message) => {
    await using place = makeTlsPlace();
    await using one = await serveRemoteApi({ tls: place.files() });
    spoil(place);
    await one.listeners.renew();
    expect(one.lines.join("\n")).toContain("the certificate was not read again; the one before stays");
    expect(one.lines.join("\n")).toContain(message);
    const init = { ...withToken(secretFor(one.agent, "read")), ...trusting(place), keepalive: false };
    expect((await fetch(`https://localhost:${one.port}/v1/jobs`, init)).status).toBe(200);
  });
});
