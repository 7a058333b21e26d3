import { expect, test } from "bun:test";
import * as v from "valibot";
import { ask, type Client, createClient } from "../../../src/client/client.ts";
import { ExplainSchema } from "../../../src/client/explanation.ts";
import { AllocationSchema, NodeInfoSchema } from "../../../src/client/replies.ts";
import { writeAllocationStub } from "../../../src/contract/allocation.ts";
import { writeEnding, writeExplain } from "../../../src/contract/machine.ts";
import { writeNode } from "../../../src/contract/node.ts";
import { allocation, ended, GRACEFUL, jobRecord, NODE, PLAN, taskRecord } from "../../helpers/records.ts";
import { type TempDir, tempDir } from "../../helpers/temp.ts";

interface Scripted extends AsyncDisposable {
  readonly client: Client;
  readonly http: Client;
  /** Method and target of each request. */
  readonly seen: string[];
}

/** A server on a unix socket and one on a port, both with the same answers. */
function serve(dir: TempDir, answer: (request: Request, target: string) => Response | Promise<Response>): Scripted {
  const seen: string[] = [];
  const handle = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const target = `${url.pathname}${url.search}`;
    seen.push(`${request.method} ${target}`);
    return await answer(request, target);
  };
  const unix = Bun.serve({ unix: dir.file("api.sock"), fetch: handle });
  const tcp = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handle });
  return {
    client: createClient({ kind: "unix", path: dir.file("api.sock") }),
    http: createClient({ kind: "http", origin: `http://127.0.0.1:${tcp.port}` }),
    seen,
    [Symbol.asyncDispose]: async () => {
      await unix.stop(true);
      await tcp.stop(true);
    },
  };
}

const json = (value: unknown, index = 7): Response =>
  Response.json(value, { headers: { "x-nomad-index": String(index) } });

test("both kinds of address ask the same questions, with ids percent-encoded", async () => {
  await using dir = tempDir();
  await using server = serve(dir, () => json({ ID: "a/b", Name: "x" }));
  expect((await server.client.read(ask.job("a/b c?"))).ID).toBe("a/b");
  expect((await server.http.read(ask.job("a/b c?"))).ID).toBe("a/b");
  expect(server.seen).toEqual(["GET /v1/job/a%2Fb%20c%3F", "GET /v1/job/a%2Fb%20c%3F"]);
});

test("a job is registered with its submission, and a stop says whether to purge", async () => {
  await using dir = tempDir();
  const bodies: unknown[] = [];
  await using server = serve(dir, async (request) => {
    if (request.method === "PUT") bodies.push(await request.json());
    return json({ EvalID: "e", Warnings: "* odd" });
  });
  const submission = { Source: "job {}", Format: "hcl2" } as const;
  for (const client of [server.client, server.http]) {
    expect(await client.registerJob({ ID: "web" }, submission)).toEqual({
      EvalID: "e",
      JobModifyIndex: 0,
      Warnings: "* odd",
    });
    await client.deregisterJob("web", { purge: true });
  }
  expect(bodies).toEqual(Array.from({ length: 2 }, () => ({ Job: { ID: "web" }, Submission: submission })));
  expect(server.seen.slice(0, 2)).toEqual(["PUT /v1/jobs", "DELETE /v1/job/web?purge=true"]);
});

test("a refusal comes with the agent's words, its hints apart", async () => {
  await using dir = tempDir();
  await using server = serve(
    dir,
    () => new Response("it does not fit:\n  memory\nhint: buy more\nhint: or less\n", { status: 409 }),
  );
  await expect(server.client.read(ask.jobs())).rejects.toThrow(
    expect.objectContaining({ code: "conflict", message: "it does not fit:\n  memory", hint: "buy more\nor less" }),
  );
});

for (const [status, code] of [
  [400, "invalid"],
  [404, "not_found"],
  [501, "unsupported"],
  [503, "unavailable"],
  [500, "internal"],
  [418, "internal"],
] as const) {
  test(`status ${status} is ${code}`, async () => {
    await using dir = tempDir();
    await using server = serve(dir, () => new Response("", { status }));
    await expect(server.client.read(ask.jobs())).rejects.toThrow(
      expect.objectContaining({ code, message: `the agent answered with status ${status}` }),
    );
  });
}

test("nobody there is unavailable, on a socket and on a port", async () => {
  await using dir = tempDir();
  const gone = createClient({ kind: "unix", path: dir.file("none.sock") });
  await expect(gone.read(ask.jobs())).rejects.toThrow(
    expect.objectContaining({
      code: "unavailable",
      message: `no agent answers at unix://${dir.file("none.sock")}: no such socket`,
    }),
  );
  const refused = createClient({ kind: "http", origin: "http://127.0.0.1:1" });
  await expect(refused.read(ask.jobs())).rejects.toThrow(
    expect.objectContaining({
      code: "unavailable",
      message: expect.stringContaining("no agent answers at http://127.0.0.1:1: "),
    }),
  );
});

test("what is missing or null in a reply has a default, and what is more than expected is passed over", async () => {
  await using dir = tempDir();
  await using server = serve(dir, () =>
    json([{ ID: "a", TaskStates: { vm: { Events: null, New: 1 } }, AllocatedResources: null }]),
  );
  const [allocation] = await server.client.read(ask.allocations());
  expect(allocation).toMatchObject({
    ID: "a",
    ClientStatus: "",
    TaskStates: { vm: { State: "", Events: [], Paddock: null } },
  });
});

test("a reply that is something else names the place and what was expected there, not what stood there", async () => {
  await using dir = tempDir();
  let reply: Response = json([{ ID: "a" }, { ID: 5 }]);
  await using server = serve(dir, () => reply);
  await expect(server.client.read(ask.jobs())).rejects.toThrow(
    "the reply to GET /v1/jobs does not fit: 1.ID: expected string",
  );
  reply = new Response("<html>secret");
  await expect(server.client.read(ask.jobs())).rejects.toThrow(
    expect.objectContaining({
      message: "the reply to GET /v1/jobs is not JSON",
      hint: expect.stringContaining("is it an agent of paddock"),
    }),
  );
});

test("a watch asks for the state, then for each change since, and begins anew when the index goes back", async () => {
  await using dir = tempDir();
  const indexes = [5, 9, 3, 4];
  await using server = serve(dir, () => json([], indexes.shift() ?? 99));
  let turns = 0;
  for await (const _ of server.client.watch(ask.jobAllocations("web"))) if (++turns === 4) break;
  expect(server.seen).toEqual([
    "GET /v1/job/web/allocations?resources=true",
    "GET /v1/job/web/allocations?resources=true&index=5&wait=60s",
    "GET /v1/job/web/allocations?resources=true&index=9&wait=60s",
    "GET /v1/job/web/allocations?resources=true",
  ]);
});

test("a watch of something without an index is refused rather than asked for ever", async () => {
  await using dir = tempDir();
  await using server = serve(dir, () => Response.json([]));
  const all = Array.fromAsync(server.client.watch(ask.jobs()));
  await expect(all).rejects.toThrow("the reply to GET /v1/jobs has no X-Nomad-Index");
  expect(server.seen).toHaveLength(1);
});

test("a question that is open ends with the reason of its signal", async () => {
  await using dir = tempDir();
  const abort = new AbortController();
  const reason = new Error("somebody pressed Ctrl-C");
  await using server = serve(dir, () => {
    abort.abort(reason);
    return new Promise(() => undefined);
  });
  await expect(server.client.read(ask.jobs(), abort.signal)).rejects.toBe(reason);
});

const frame = (Data: string, Offset: number): string => JSON.stringify({ File: "f", Offset, Data: btoa(Data) });

test("a log comes in pieces, each with the offset behind it, over both kinds of address", async () => {
  await using dir = tempDir();
  await using server = serve(dir, () => new Response(`${frame("one\n", 4)}{}${frame("two\n", 8)}`));
  for (const client of [server.client, server.http]) {
    const options = { type: "stdout", follow: true, origin: "end", offset: 8 } as const;
    const pieces = await Array.fromAsync(client.readLog("a1", "vm/1", options));
    expect(pieces.map(({ data, end }) => [Buffer.from(data).toString(), end])).toEqual([
      ["one\n", 4],
      ["two\n", 8],
    ]);
  }
  expect(server.seen[0]).toBe("GET /v1/client/fs/logs/a1?task=vm%2F1&type=stdout&follow=true&origin=end&offset=8");
});

test("a log whose reader has enough is closed at the other end, too", async () => {
  await using dir = tempDir();
  const closed = Promise.withResolvers<void>();
  await using server = serve(dir, () => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(frame("one\n", 4))),
      cancel: () => closed.resolve(),
    });
    return new Response(body);
  });
  const options = { type: "stdout", follow: true, origin: "start", offset: 0 } as const;
  for await (const piece of server.client.readLog("a1", "vm", options)) {
    expect(Buffer.from(piece.data).toString()).toBe("one\n");
    break;
  }
  await closed.promise;
});

test("a followed log ends with the reason of its signal", async () => {
  await using dir = tempDir();
  const abort = new AbortController();
  const reason = new Error("somebody pressed Ctrl-C");
  const start = (controller: ReadableStreamDefaultController): void =>
    controller.enqueue(Buffer.from(frame("one\n", 4)));
  await using server = serve(dir, () => new Response(new ReadableStream({ start })));
  const options = { type: "stdout", follow: true, origin: "start", offset: 0, signal: abort.signal } as const;
  const read = async (): Promise<void> => {
    for await (const _ of server.client.readLog("a1", "vm", options)) abort.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
});

test("a log that is cut in the middle is a failure", async () => {
  await using dir = tempDir();
  await using server = serve(dir, () => new Response('{"Data":'));
  const options = { type: "stdout", follow: true, origin: "start", offset: 0 } as const;
  await expect(Array.fromAsync(server.client.readLog("a1", "vm", options))).rejects.toThrow("broke off in the middle");
});

test("an allocation as the agent writes it is read with all that is shown of it", () => {
  const placed = {
    allocation: allocation({ tasks: { vm: taskRecord(ended(GRACEFUL)) } }),
    job: jobRecord().job,
    node: NODE,
  };
  const read = v.parse(AllocationSchema, JSON.parse(JSON.stringify(writeAllocationStub(placed, true))));
  expect(read).toMatchObject({ ID: placed.allocation.id, JobID: "web", TaskGroup: "vms", ClientStatus: "complete" });
  expect(read.AllocatedResources?.Shared.Ports).toEqual([{ Label: "http", Value: 25_001, To: 80, HostIP: "0.0.0.0" }]);
  const ending = read.TaskStates["vm"]?.Paddock?.Ending;
  expect(ending).toEqual(writeEnding(GRACEFUL));
});

test("a command line and a node as the agent writes them are read whole", () => {
  const explained = JSON.parse(JSON.stringify(writeExplain(PLAN)));
  expect(v.parse(ExplainSchema, explained)).toMatchObject(explained);
  const facts = { version: "1", httpAddress: "", startedAt: 0 };
  expect(v.parse(NodeInfoSchema, writeNode(NODE, facts))).toMatchObject({
    Attributes: NODE.attributes,
    Meta: NODE.meta,
    Drivers: { qemu: { Healthy: true } },
  });
});

test("tasks whose names every object has as members are read like any other, and no other is there", async () => {
  const names = ["constructor", "prototype", "__proto__", "vm"];
  const states = names.map((name) => `${JSON.stringify(name)}: { "State": "running" }`).join(", ");
  const reply = `[{ "ID": "a1", "TaskStates": { ${states} } }, { "ID": "a2", "TaskStates": null }]`;
  await using dir = tempDir();
  await using server = serve(dir, () => new Response(reply));
  const [named, none] = await server.client.read(ask.allocations());
  expect(Object.keys(named?.TaskStates ?? {})).toEqual(names);
  expect(named?.TaskStates["constructor"]?.State).toBe("running");
  expect(named?.TaskStates["toString"]).toBeUndefined();
  expect(none?.TaskStates).toEqual({});
});
