import { expect, test } from "bun:test";
import { AppError } from "../../../../src/base/errors.ts";
import type { ServedSocket, SocketHandler } from "../../../../src/runtime/serve.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { allocation } from "../../../helpers/records.ts";

const CONSOLE = `/v1/vm/${allocation().id}/vm/console`;

interface TestSocket extends ServedSocket {
  readonly sent: (string | Uint8Array)[];
  readonly closings: { readonly code: number; readonly reason: string }[];
}

function testSocket(): TestSocket {
  const [sent, closings]: [TestSocket["sent"], TestSocket["closings"]] = [[], []];
  return {
    sent,
    closings,
    send: (data) => void sent.push(data),
    waiting: () => 7,
    close: (code, reason) => void closings.push({ code, reason }),
  };
}

function consoleApi() {
  const { agent, api, stopping } = testApi();
  agent.put({ allocation: allocation() });
  const open = async (query = "", headers: Record<string, string> = {}, can = true) => {
    let handler: SocketHandler | undefined;
    const request = new Request(`http://localhost${CONSOLE}${query}`, {
      headers: { upgrade: "websocket", ...headers },
    });
    const reply = await api.fetch(request, (given) => {
      handler = given;
      return can;
    });
    return { reply, handler };
  };
  const connect = async (query = "") => {
    const { handler } = await open(query);
    if (handler === undefined) throw new Error("it was not upgraded");
    const socket = testSocket();
    handler.open(socket);
    return { handler, socket };
  };
  return { agent, open, connect, stopping };
}

test("a console is opened with 50 lines of scrollback, for somebody who types, unless told", async () => {
  const { agent, connect } = consoleApi();
  await connect();
  await connect("?readonly=1&scrollback=7");
  await connect("?file=alloc/logs/vm.stdout.3&offset=12");
  expect(agent.viewers.map(({ request }) => request)).toEqual([
    { readOnly: false, lines: 50, from: undefined },
    { readOnly: true, lines: 7, from: undefined },
    { readOnly: false, lines: 50, from: { file: "alloc/logs/vm.stdout.3", offset: 12 } },
  ]);
});

test("output goes in binary frames, words in text frames, and what comes in binary frames was typed", async () => {
  const { agent, connect } = consoleApi();
  const { handler, socket } = await connect();
  const viewer = agent.viewers[0]?.viewer;
  viewer?.output(Buffer.from([0, 27, 255]));
  viewer?.tell({ Type: "viewers", Viewers: 3 });
  expect(socket.sent).toEqual([Buffer.from([0, 27, 255]), '{"Type":"viewers","Viewers":3}']);
  expect(viewer?.waiting()).toBe(7);
  handler.message(new Uint8Array([3]));
  expect(agent.viewers[0]?.typed).toEqual([new Uint8Array([3])]);
  viewer?.end();
  viewer?.end("it broke");
  expect(socket.closings).toEqual([
    { code: 1000, reason: "the machine has ended" },
    { code: 1011, reason: "it broke" },
  ]);
  handler.closed();
  expect(agent.viewers).toEqual([]);
});

test("a text frame is no input and ends the connection", async () => {
  const { agent, connect } = consoleApi();
  const { handler, socket } = await connect();
  handler.message("rm -rf /\n");
  expect(agent.viewers[0]?.typed).toEqual([]);
  expect(socket.closings).toEqual([{ code: 1003, reason: "expected input in binary frames" }]);
});

test("an agent that stops says so to every viewer, also to one that comes just then", async () => {
  const { connect, stopping } = consoleApi();
  const { socket } = await connect();
  stopping.abort();
  const late = await connect();
  for (const { closings } of [socket, late.socket]) {
    expect(closings).toEqual([{ code: 1001, reason: "the agent stops; the machine runs on" }]);
  }
});

for (const headers of [
  { origin: "https://evil.example" },
  { origin: "http://localhost:8080" },
  { origin: "null" },
  { "sec-fetch-site": "cross-site" },
  { host: "evil.example" },
] as const) {
  test(`a web page's handshake with ${JSON.stringify(headers)} is refused: nothing else keeps pages from WebSockets`, async () => {
    const { agent, open } = consoleApi();
    const { reply, handler } = await open("", headers);
    expect({ status: reply.status, handler }).toEqual({ status: 403, handler: undefined });
    expect(agent.viewers).toEqual([]);
  });
}

test("what keeps a viewer out is an ordinary reply, before anything is upgraded", async () => {
  const { agent, open } = consoleApi();
  agent.failure = new AppError("conflict", "the machine has ended: killed", { hint: "paddock logs web" });
  const { reply, handler } = await open();
  expect(await refusalOf(reply)).toEqual({
    status: 409,
    lines: ["the machine has ended: killed", "hint: paddock logs web"],
  });
  expect(handler).toBeUndefined();
});

test("a request that is no handshake is told what it takes, after all that it may be refused for", async () => {
  const { open } = consoleApi();
  const { reply } = await open("", { upgrade: "" });
  expect(reply.headers.get("upgrade")).toBe("websocket");
  expect((await refusalOf(reply)).status).toBe(426);
  expect((await open("?scrollback=many", { upgrade: "" })).reply.status).toBe(400);
});

test("a server that has no WebSockets says so", async () => {
  const { open } = consoleApi();
  expect((await refusalOf((await open("", {}, false)).reply)).status).toBe(501);
});

test("a console of a task that is not there is 404", async () => {
  const { api } = testApi();
  const request = new Request(`http://localhost${CONSOLE}`, { headers: { upgrade: "websocket" } });
  expect((await api.fetch(request, () => true)).status).toBe(404);
});
