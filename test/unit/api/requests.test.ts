import { expect, test } from "bun:test";
import { MAX_REQUEST_BYTES } from "../../../src/api/validate.ts";
import { AppError } from "../../../src/base/errors.ts";
import { RegisterReplySchema } from "../../../src/contract/job-requests.ts";
import { encodeJob } from "../../../src/job/wire.ts";
import { parseReply, refusalOf, testApi } from "../../helpers/api.ts";
import { jobOf, jobRecord, jobText } from "../../helpers/records.ts";

const wire = encodeJob(jobOf(jobText()));

for (const type of [undefined, "application/json", "text/plain", "application/x-www-form-urlencoded"]) {
  test(`a JSON body is read whatever its content type says: ${type ?? "nothing"}`, async () => {
    const { send } = testApi();
    const headers = type === undefined ? {} : { "content-type": type };
    await parseReply(RegisterReplySchema, await send("PUT", "/v1/jobs", { Job: wire }, headers));
  });
}

for (const [what, body, line] of [
  ["is no JSON", '{\n  "Job": s3cr3t\n}', /^<request>:2:10: expected a value, found "s"$/],
  ["ends too early", '{"Job": {"Env": "s3cr3t"}', /^<request>:1:1: "\{" is never closed$/],
  ["has a key twice", '{"Job": {}, "Job": {}}', /^<request>:1:13: key "Job" stands twice/],
  ["is nested without end", `${'{"Job":'.repeat(5000)}`, /^<request>:1:\d+: nested more than 200 deep$/],
  ["is empty", "", /^the request has no body$/],
  ["is a list", "[]", /^<request>: expected an object, found a list$/],
  ["is a text", '"s3cr3t"', /^<request>: expected an object$/],
  ["is null", "null", /^<request>: expected an object, found null$/],
  ["lacks the job", "{}", /^<request>: Job is missing$/],
  ["has a text for the job", '{"Job": "s3cr3t"}', /^<request>: Job: expected an object$/],
  [
    "has a word for a flag",
    '{"Job": {}, "EnforceIndex": "s3cr3t"}',
    /^<request>: EnforceIndex: expected true or false$/,
  ],
  ["has no whole number", '{"Job": {}, "JobModifyIndex": 1.5}', /^<request>: JobModifyIndex: expected a whole number$/],
  ["has a negative index", '{"Job": {}, "JobModifyIndex": -5}', /^<request>: JobModifyIndex: expected a number >=0$/],
  [
    "has a wrong word below",
    '{"Job": {}, "Submission": {"Source": "s3cr3t", "Format": "s3cr3t"}}',
    /^<request>: Submission\.Format: expected "hcl2" or "json"$/,
  ],
] as const) {
  test(`a body that ${what} is 400 with the place, and nothing of what was sent comes back or is logged`, async () => {
    const { agent, log, send } = testApi();
    const { status, lines } = await refusalOf(await send("PUT", "/v1/jobs", body));
    expect(status).toBe(400);
    expect(lines[0]).toMatch(line);
    expect(lines.join("\n") + log.join("\n")).not.toContain("s3cr3t");
    expect(agent.registered).toEqual([]);
  });
}

test("invalid UTF-8 is refused by its byte", async () => {
  const { api } = testApi();
  const body = Uint8Array.from([0x7b, 0xff, 0x7d]);
  const reply = await api.fetch(new Request("http://localhost/v1/jobs", { method: "PUT", body }));
  expect((await refusalOf(reply)).lines[0]).toBe("<request>:1:2: byte 0xff is not valid UTF-8");
});

test("a body that is too large is 413, with and without a length that says so", async () => {
  const { api } = testApi();
  const large = new Uint8Array(MAX_REQUEST_BYTES + 1).fill(0x20);
  const stream = new ReadableStream({
    start: (controller) => {
      controller.enqueue(large);
      controller.close();
    },
  });
  for (const [body, headers] of [
    [large, { "content-length": String(large.length) }],
    [stream, { "transfer-encoding": "chunked" }],
  ] as const) {
    const init = { method: "PUT", body, headers, duplex: "half" } as RequestInit;
    const reply = await api.fetch(new Request("http://localhost/v1/jobs", init));
    expect(await refusalOf(reply)).toEqual({ status: 413, lines: ["the request body is larger than 4 MiB"] });
  }
});

test("what went wrong inside is told to the log and not to the client", async () => {
  for (const failure of [
    new Error("SQLITE_FULL at /var/lib/paddock/paddock.db"),
    new AppError("internal", "SQLITE_FULL at /var/lib/paddock/paddock.db"),
  ]) {
    const { agent, log, send } = testApi();
    agent.failure = failure;
    expect(await refusalOf(await send("PUT", "/v1/jobs", { Job: wire }))).toEqual({
      status: 500,
      lines: ["internal error", "hint: the agent's log has the details"],
    });
    expect(log.some((line) => line.includes("[ERROR]") && line.includes("SQLITE_FULL"))).toBe(true);
  }
});

for (const [code, status] of [
  ["invalid", 400],
  ["unsupported", 400],
  ["not_found", 404],
  ["unplaceable", 409],
  ["conflict", 409],
  ["fetch", 500],
  ["image", 500],
  ["forbidden", 403],
  ["unavailable", 503],
  ["timeout", 504],
] as const) {
  test(`a failure with the code ${code} is ${status} with its message and hint`, async () => {
    const { agent, send } = testApi();
    agent.failure = new AppError(code, "what failed\u001b[31m", { hint: "do this\nand that" });
    expect(await refusalOf(await send("PUT", "/v1/jobs", { Job: wire }))).toEqual({
      status,
      lines: ["what failed\\x1b[31m", "hint: do this", "hint: and that"],
    });
  });
}

for (const [method, path, allow] of [
  ["PATCH", "/v1/jobs", "GET, HEAD, PUT, POST"],
  ["DELETE", "/v1/jobs", "GET, HEAD, PUT, POST"],
  ["GET", "/v1/jobs/parse", "PUT, POST"],
  ["GET", "/v1/search", "PUT, POST"],
  ["POST", "/v1/nodes", "GET, HEAD"],
  ["GET", "/v1/allocation/x/stop", "PUT, POST"],
  ["PATCH", "/v1/job/team%2Fweb", "GET, HEAD, PUT, POST, DELETE"],
] as const) {
  test(`${method} ${path} is 405 and says what is allowed`, async () => {
    const reply = await testApi().send(method, path);
    expect(reply.headers.get("allow")).toBe(allow);
    expect(await refusalOf(reply)).toEqual({
      status: 405,
      lines: [`method ${method} is not allowed here`, `hint: use ${allow}`],
    });
  });
}

for (const [method, path, name] of [
  ["GET", "/v1/acl/policies", "access control lists"],
  ["PUT", "/v1/acl/token/onetime/exchange", "access control lists"],
  ["PUT", "/v1/acl/token/1f6a0b1c", "changing a token"],
  ["PUT", "/v1/acl/bootstrap", "a first token"],
  ["GET", "/v1/var/a/b", "variables"],
  ["PUT", "/v1/job/web/dispatch", "parameterized jobs"],
  ["POST", "/v1/job/web/periodic/force", "periodic jobs"],
  ["PUT", "/v1/system/reconcile/summaries", "system commands other than gc"],
  ["GET", "/v1/client/allocation/1f6a0b1c/exec", "exec"],
  ["GET", "/v1/operator/raft/configuration", "operator commands"],
  ["GET", "/v1/vm/1f6a0b1c/vm/screenshot", "screenshot and snapshots"],
] as const) {
  test(`${method} ${path} is 501 by its name`, async () => {
    const { status, lines } = await refusalOf(await testApi().send(method, path));
    expect(status).toBe(501);
    expect(lines[0]).toStartWith(`not supported: ${name}: `);
  });
}

for (const path of ["/", "/v2/jobs", "/v1/jobz", "/v1/job", "/v1/job/web/nothing", "/v1/jobs/", "/ui/"]) {
  test(`GET ${path} is 404`, async () => {
    const { status, lines } = await refusalOf(await testApi().send("GET", path));
    expect({ status, first: lines[0] }).toEqual({ status: 404, first: "no such route" });
  });
}

test("HEAD has the headers of GET and no body", async () => {
  const { agent, send } = testApi();
  agent.put({ job: jobRecord() });
  const reply = await send("HEAD", "/v1/jobs");
  expect({ status: reply.status, text: await reply.text() }).toEqual({ status: 200, text: "" });
  expect(reply.headers.get("x-nomad-index")).toBe("21");
});

for (const host of [
  ...["localhost", "LOCALHOST:4646", "127.0.0.1:4646", "[::1]:4646", "", "/run/paddock/api.sock"],
  "%2Frun%2Fpaddock%2Fapi.sock",
]) {
  test(`a request to the host "${host}" is answered`, async () => {
    expect((await testApi().send("GET", "/v1/regions", undefined, { host })).status).toBe(200);
  });
}

for (const host of [
  "evil.example",
  "localhost.evil.example",
  "127.0.0.1.evil.example:80",
  "192.0.2.1",
  "localhost:x",
]) {
  test(`a request to the host ${host} is refused: its name may be a web page's`, async () => {
    const { status } = await refusalOf(await testApi().send("GET", "/v1/regions", undefined, { host }));
    expect(status).toBe(403);
  });
}

for (const [headers, status] of [
  [{}, 200],
  [{ origin: "http://localhost:4646" }, 200],
  [{ origin: "http://LOCALHOST:4646", "sec-fetch-site": "same-origin" }, 200],
  [{ "sec-fetch-site": "none" }, 200],
  [{ origin: "http://localhost:8080" }, 403],
  [{ origin: "http://localhost" }, 403],
  [{ origin: "https://evil.example" }, 403],
  [{ origin: "null" }, 403],
  [{ origin: "" }, 403],
  [{ "sec-fetch-site": "cross-site" }, 403],
  [{ "sec-fetch-site": "same-site" }, 403],
] as const) {
  test(`a request with ${JSON.stringify(headers)} gets ${status}, and nothing happens when it is refused`, async () => {
    const { agent, send } = testApi();
    const reply = await send("PUT", "/v1/jobs", { Job: wire }, { host: "localhost:4646", ...headers });
    expect({ status: reply.status, registered: agent.registered.length }).toEqual({
      status,
      registered: status === 200 ? 1 : 0,
    });
  });
}

test("a request is logged with its path and without its query", async () => {
  const { log, send } = testApi();
  await send("GET", "/v1/jobs?prefix=s3cr3t");
  expect(log.some((line) => line.includes("path=/v1/jobs ") && line.includes("status=200"))).toBe(true);
  expect(log.join("\n")).not.toContain("s3cr3t");
});

test("no route answers a method that it has not by saying that another one is not supported", async () => {
  const { api, send } = testApi();
  for (const path of new Set(api.routes.map((route) => route.path))) {
    const { status } = await send("PATCH", path.replaceAll(/:\w+/g, "x"));
    expect({ path, status }).toEqual({ path, status: 405 });
  }
});

test("the routes that are listed are those that answer", async () => {
  const { api, send } = testApi();
  expect(api.routes.length).toBeGreaterThan(30);
  for (const { method, path } of api.routes) {
    const reply = await send(method, path.replaceAll(/:\w+/g, "x"), method === "GET" ? undefined : {});
    expect({ method, path, status: reply.status }).not.toMatchObject({ status: 405 });
    expect([501, 500]).not.toContain(reply.status);
  }
});
