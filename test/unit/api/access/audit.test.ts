import { describe, expect, test } from "bun:test";
import type { AuditEntry } from "../../../../src/api/access/audit.ts";
import { createApi } from "../../../../src/api/app.ts";
import { createLog } from "../../../../src/base/log.ts";
import { encodeJob } from "../../../../src/job/wire.ts";
import { createFakeAgent } from "../../../helpers/fake-agent.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { allocation, jobOf, jobRecord, jobText } from "../../../helpers/records.ts";
import { remoteClient, secretFor } from "../../../helpers/remote.ts";

function bed() {
  const clock = manualClock();
  const agent = createFakeAgent(clock);
  const entries: AuditEntry[] = [];
  const lines: string[] = [];
  const log = createLog("debug", (line) => lines.push(line));
  const audit = { write: (entry: AuditEntry) => void entries.push(entry) };
  const api = createApi(agent, { log, version: "1", httpAddress: "", clock, audit });
  const send = (method: string, path: string, body?: unknown) =>
    api.fetch(
      new Request(`http://localhost${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
    );
  agent.put({ job: jobRecord(), allocation: allocation() });
  return { agent, api, clock, entries, lines, send, client: remoteClient(api) };
}

describe("the audit log", () => {
  test("has who drains the node, whom the drain names as well", async () => {
    const { agent, entries, client } = bed();
    const path = `/v1/node/${agent.node.id}/drain`;
    const body = { DrainSpec: { Deadline: 0 } };
    const refused = await client.send("PUT", path, { secret: secretFor(agent, "operate"), body });
    expect([refused.status, agent.drained.last]).toEqual([403, null]);
    const secret = secretFor(agent, "admin");
    expect((await client.send("PUT", path, { secret, body })).status).toBe(200);
    const { accessor } = agent.tokens.list().find(({ role }) => role === "admin") ?? {};
    expect(agent.drained.last?.accessor).toBe(accessor ?? "none");
    expect(entries.at(-1)).toMatchObject({
      Who: { AccessorID: accessor },
      Action: "PUT /v1/node/:id/drain",
      About: { Drain: "enable" },
      Status: 200,
    });
  });

  test("has each change with who asked for it, what it was and what came of it", async () => {
    const { agent, entries, send, client } = bed();
    await send("PUT", "/v1/jobs", { Job: encodeJob(jobOf(jobText("db"))) });
    const secret = secretFor(agent, "operate");
    const [token] = agent.tokens.list();
    await (await client.send("DELETE", "/v1/job/web", { secret })).text();
    await (await client.send("PUT", "/v1/system/gc", { secret })).text();
    const Who = { Kind: "token", AccessorID: token?.accessor, Name: "operate", Role: "operate", Address: "192.0.2.7" };
    expect(entries).toEqual([
      {
        Time: "2026-01-01T00:00:00.000Z",
        Who: { Kind: "socket" },
        Action: "PUT /v1/jobs",
        Path: "/v1/jobs",
        About: { Job: "db" },
        Status: 200,
      },
      { Time: "2026-01-01T00:00:00.000Z", Who, Action: "DELETE /v1/job/:id", Path: "/v1/job/web", Status: 200 },
      {
        Time: "2026-01-01T00:00:00.000Z",
        Who,
        Action: "PUT /v1/system/gc",
        Path: "/v1/system/gc",
        Status: 403,
        Error: "Permission denied: PUT /v1/system/gc needs the role admin, and this token has the role operate",
      } as AuditEntry,
    ] as AuditEntry[]);
  });

  test("has what is changed by GET, and nothing that only looks", async () => {
    const { entries, send } = bed();
    for (const path of ["/v1/jobs", "/v1/nothing", "/v1/vars", `/v1/allocation/${allocation().id}`])
      await send("GET", path);
    await send("PUT", "/v1/search", { Prefix: "", Context: "all" });
    await send("PUT", "/v1/validate/job", { Job: encodeJob(jobOf(jobText())) });
    await send("PUT", "/v1/job/web/plan", { Job: encodeJob(jobOf(jobText())) });
    await send("PATCH", "/v1/jobs");
    expect(entries).toEqual([]);
    await send("GET", "/v1/client/gc");
    await send("GET", `/v1/client/allocation/${allocation().id}/gc`);
    await send("GET", `/v1/vm/${allocation().id}/vm/console`);
    expect(entries.map(({ Action, Status }) => `${Status} ${Action}`)).toEqual([
      "200 GET /v1/client/gc",
      "200 GET /v1/client/allocation/:id/gc",
      "426 GET /v1/vm/:alloc/:task/console",
    ]);
  });

  test("has every route that changes something", async () => {
    const { api, entries, send } = bed();
    const changing = api.routes.filter(({ method }) => method !== "GET");
    for (const { method, path } of changing) await (await send(method, path.replaceAll(/:\w+/g, "x"), {})).text();
    const told = new Set(entries.map(({ Action }) => Action));
    const silent = changing.filter(({ method, path }) => !told.has(`${method === "POST" ? "PUT" : method} ${path}`));
    expect(new Set(silent.map(({ path }) => path))).toEqual(
      new Set([
        "/v1/jobs/parse",
        "/v1/validate/job",
        "/v1/job/:id/plan",
        "/v1/search",
        "/v1/search/fuzzy",
        "/v1/bundle/:id",
      ]),
    );
  });

  test("has nothing of requests without a token, and no secret", async () => {
    const { agent, entries, lines, send, client } = bed();
    await client.send("PUT", "/v1/system/gc");
    await client.send("PUT", "/v1/system/gc", { secret: "paddock_wrong-but-long-enough" });
    expect(entries).toEqual([]);
    const made = (await (
      await send("PUT", "/v1/acl/token", { Type: "client", Policies: ["read"], Name: "ci" })
    ).json()) as {
      SecretID: string;
      AccessorID: string;
    };
    expect(entries[0]).toMatchObject({ About: { AccessorID: made.AccessorID, Name: "ci", Role: "read" } });
    // Somebody takes it for the id.
    await send("DELETE", `/v1/acl/token/${made.SecretID}`);
    await send("PUT", "/v1/jobs", { Job: encodeJob(jobOf(jobText())) });
    expect(entries[1]).toMatchObject({ Path: "/v1/acl/token/paddock_…", Status: 404 });
    const told = JSON.stringify(entries) + lines.join("\n");
    expect(told).not.toContain(made.SecretID.slice(8));
    expect(told).not.toContain("s3cr3t-env");
    expect(agent.tokens.list()).toHaveLength(1);
  });

  test("has no secret of an error and nothing that is long", async () => {
    const { entries, send } = bed();
    const SECRET = "paddock_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const scale = (group: string) => send("PUT", "/v1/job/web/scale", { Count: 1, Target: { Group: group } });
    await scale(SECRET);
    await scale("x".repeat(1_000));
    await send("DELETE", `/v1/job/${"x".repeat(1_000)}`);
    expect(entries.map((entry) => entry.Error)).toEqual([
      'job "web" has no group "paddock_…"',
      `job "web" has no group "${"x".repeat(512 - 24)}`,
      "job not found",
    ]);
    expect(entries[2]?.Path).toHaveLength(512);
  });
});
