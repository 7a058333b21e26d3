import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { sendRequest } from "../../src/client/request.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { runInProcess } from "../helpers/cli.ts";
import { serveCliApi } from "../helpers/cli-api.ts";
import { startProxy } from "../helpers/proxy.ts";
import { allocation, jobRecord } from "../helpers/records.ts";
import { secretFor } from "../helpers/remote.ts";
import { makeTlsPlace, serveRemoteApi } from "../helpers/remote-api.ts";

describe("paddock token", () => {
  test("create prints the secret alone, and only this once", async () => {
    await using one = serveCliApi();
    const made = await one.run(["token", "create", "-role", "operate", "-name", "ci", "-ttl", "90m"]);
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^paddock_[\w-]{43}\n$/);
    expect(made.stderr).toMatch(
      /^token [0-9a-f-]{36} with the role operate, until \S+Z; its secret is not shown again\n$/,
    );
    const [token] = one.agent.tokens.list();
    expect(one.agent.tokens.find(made.stdout.trim())).toBe(token);
    expect((token?.expiresAt ?? 0) - (token?.createdAt ?? 0)).toBe(90 * 60_000);
    for (const args of [["list"], ["list", "-verbose"], ["list", "-json"]]) {
      const { stdout, stderr } = await one.run(["token", ...args]);
      expect(stdout).toContain("ci");
      expect(stdout + stderr).not.toContain(made.stdout.trim().slice(8));
    }
    const json = await one.run(["token", "create", "-role", "admin", "-json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      Type: "management",
      SecretID: expect.stringContaining("paddock_"),
    });
  });

  test("list shows roles, times and names in a terminal of 80 columns", async () => {
    await using one = serveCliApi();
    expect(await one.run(["token", "list"])).toMatchObject({
      stdout: "",
      stderr: expect.stringContaining("there are no tokens"),
    });
    await one.run(["token", "create", "-role", "read"]);
    await one.run(["token", "create", "-role", "admin", "-name", "the other office", "-ttl", "1h"]);
    const { stdout } = await one.run(["token", "list"], { columns: 80 });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replaceAll(/\d{4}-\S+Z/g, "TIME"));
    expect(lines[0]).toMatch(/^ID +Role +Created +Expires +Name$/);
    expect(lines[1]).toMatch(/^[0-9a-f]{8} +read +TIME +never +-$/);
    expect(lines[2]).toMatch(/^[0-9a-f]{8} +admin +TIME +TIME +the other office$/);
  });

  test("revoke takes the beginning of an id or a name, and nothing that means several", async () => {
    await using one = serveCliApi();
    for (const name of ["ci", "a", "a"]) await one.run(["token", "create", "-role", "read", "-name", name]);
    const [first, second] = one.agent.tokens.list();
    expect(await one.run(["token", "revoke", "ci"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^revoked \w{8} \(ci\), read\n$/),
    });
    expect(one.agent.tokens.list()).not.toContain(first);
    expect(await one.run(["token", "revoke", "a"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("several tokens are meant"),
    });
    expect((await one.run(["token", "revoke", second?.accessor.slice(0, 13) ?? ""])).code).toBe(0);
    const secret = "paddock_s3cret";
    const wrong = await one.run(["token", "revoke", secret]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("a secret is no id");
    expect(wrong.stderr).not.toContain(secret);
  });

  test.each([
    [[], "flag -role: expected read, operate or admin, found nothing"],
    [["-role", "root"], 'flag -role: expected read, operate or admin, found "root"'],
    [["-role", "read", "-ttl", "soon"], 'flag -ttl: expected a duration of a second or more, found "soon"'],
    [["-role", "read", "-ttl", "-1h"], "flag -ttl: expected a duration"],
    [["-role", "read", "-name", "a\nb"], "the name of a token: expected at most 128 characters"],
  ])("create refuses %p", async (args, message) => {
    await using one = serveCliApi();
    const result = await one.run(["token", "create", ...args]);
    expect(result).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining(message) });
    expect(one.agent.tokens.list()).toEqual([]);
  });
});

describe("a command for an agent elsewhere", () => {
  test("says what lacks without a token, with a wrong one and with one of a lower role, and never the token", async () => {
    await using one = await serveRemoteApi();
    const address = `http://127.0.0.1:${one.port}`;
    const run = (args: string[], env: Record<string, string> = {}) =>
      runInProcess(args, { env: { NOMAD_ADDR: address, ...env } });
    expect(await run(["ps"])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: Permission denied: a token is needed here\nhint: set PADDOCK_TOKEN/),
    });
    const wrong = await run(["ps"], { PADDOCK_TOKEN: "paddock_s3cret" });
    expect(wrong.stderr).toContain("Error: ACL token not found");
    expect(wrong.stderr).not.toContain("s3cret");
    const read = secretFor(one.agent, "read");
    expect(await run(["ps"], { NOMAD_TOKEN: read })).toMatchObject({ code: 0 });
    const gc = await run(["system", "gc", "-token", read]);
    expect(gc).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("PUT /v1/system/gc needs the role admin, and this token has the role read"),
    });
    expect(await run(["system", "gc", `-token=${secretFor(one.agent, "admin")}`])).toMatchObject({ code: 0 });
    // A line feed of a file, and something that no header can hold.
    expect(await run(["ps"], { PADDOCK_TOKEN: `${read}\n` })).toMatchObject({ code: 0 });
    expect((await run(["ps"], { PADDOCK_TOKEN: "a\nb" })).stderr).not.toContain("a\nb");
  });

  test("speaks TLS by Nomad's variables and by flags, and says what is wrong with a certificate", async () => {
    await using place = makeTlsPlace();
    await using one = await serveRemoteApi({ tls: place.files() });
    const ca = place.dir.file("ca.pem");
    const env = { PADDOCK_ADDR: `https://localhost:${one.port}`, PADDOCK_TOKEN: secretFor(one.agent, "operate") };
    const run = (args: string[], more: Record<string, string> = {}) => runInProcess(args, { env: { ...env, ...more } });
    expect(await run(["ps"], { NOMAD_CACERT: ca })).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining("warning"),
    });
    expect(await run(["ps", "-ca-cert", ca])).toMatchObject({ code: 0 });
    expect(await run(["ps", "-tls-skip-verify"])).toMatchObject({ code: 0 });
    expect((await run(["ps"])).stderr).toMatch(
      /its certificate is not trusted \(\w+\)\nhint: name its authority with -ca-cert/,
    );
    writeFileSync(place.dir.file("other.pem"), makeAuthority().cert);
    expect((await run(["ps", "-ca-cert", place.dir.file("other.pem")])).stderr).toContain(
      "its certificate is not trusted",
    );
    expect((await run(["ps"], { PADDOCK_ADDR: `http://localhost:${one.port}` })).stderr).toContain(
      "where TLS is spoken write https://",
    );
    one.agent.put({ job: jobRecord(), allocation: allocation() });
    one.agent.log.append("hello from there\n");
    one.agent.log.end();
    expect(await run(["logs", "-f", "web"], { NOMAD_CACERT: ca })).toMatchObject({
      code: 0,
      stdout: "hello from there\n",
    });
  });

  test("calls the agent by the name of its certificate when it is told to", async () => {
    await using place = makeTlsPlace();
    place.use(place.authority.issue("vm1", { for: ["vm1.example.org"] }));
    await using one = await serveRemoteApi({ tls: place.files() });
    const env = {
      NOMAD_ADDR: `https://127.0.0.1:${one.port}`,
      NOMAD_TOKEN: secretFor(one.agent, "read"),
      NOMAD_CACERT: place.dir.file("ca.pem"),
    };
    expect((await runInProcess(["ps"], { env })).stderr).toContain(
      "its certificate is for another name\nhint: call the agent by a name",
    );
    expect((await runInProcess(["ps"], { env: { ...env, NOMAD_TLS_SERVER_NAME: "vm1.example.org" } })).code).toBe(0);
    expect((await runInProcess(["ps", "-tls-server-name", "vm1.example.org"], { env })).code).toBe(0);
  });

  test("shows a certificate of its own where the agent asks for one", async () => {
    await using place = makeTlsPlace();
    await using one = await serveRemoteApi({ tls: place.files(true) });
    const own = place.authority.issue("ci");
    writeFileSync(place.dir.file("ci.pem"), own.cert);
    writeFileSync(place.dir.file("ci.key"), own.key);
    const env = {
      NOMAD_ADDR: `https://localhost:${one.port}`,
      NOMAD_TOKEN: secretFor(one.agent, "read"),
      NOMAD_CACERT: place.dir.file("ca.pem"),
    };
    expect((await runInProcess(["ps"], { env })).stderr).toContain("does it ask for a certificate of the client's");
    const files = { NOMAD_CLIENT_CERT: place.dir.file("ci.pem"), NOMAD_CLIENT_KEY: place.dir.file("ci.key") };
    expect((await runInProcess(["ps"], { env: { ...env, ...files } })).code).toBe(0);
  });

  test("is warned of a token that goes over the network in the open", async () => {
    await using one = await serveRemoteApi({ addresses: ["0.0.0.0"], allowPlaintext: true });
    const secret = secretFor(one.agent, "read");
    const run = (host: string) =>
      runInProcess(["ps"], { env: { NOMAD_ADDR: `http://${host}:${one.port}`, NOMAD_TOKEN: secret } });
    const open = await run("0.0.0.0");
    expect(open.code).toBe(0);
    expect(open.stderr).toContain(`warning: the token goes to http://0.0.0.0:${one.port} for all to read`);
    expect(open.stderr).not.toContain(secret);
    expect((await run("127.0.0.1")).stderr).not.toContain("warning");
  });
});

test.each([
  ["http://127.0.0.1", 0],
  ["http://localhost", 0],
  ["http://agent.example", 1],
])("for an agent at %s a proxy of the environment is told of %d tokens", async (host, told) => {
  await using one = await serveRemoteApi();
  await using proxy = await startProxy(one.port);
  const before = process.env["http_proxy"];
  process.env["http_proxy"] = `http://127.0.0.1:${proxy.port}`;
  try {
    const credentials = { token: secretFor(one.agent, "read"), tls: NO_TLS };
    const request = sendRequest(
      { kind: "http", origin: `${host}:${one.port}`, credentials },
      { target: "/v1/agent/health" },
    );
    // By a name that is not the agent's it is refused there.
    if (told === 0) expect((await request).status).toBe(200);
    else await expect(request).rejects.toThrow("the Host header names another host");
    expect(proxy.heads.filter((head) => head.includes(credentials.token))).toHaveLength(told);
  } finally {
    if (before === undefined) delete process.env["http_proxy"];
    else process.env["http_proxy"] = before;
  }
});

const NO_TLS = { ca: null, cert: null, key: null, serverName: null, insecure: false };
