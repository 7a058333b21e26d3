import { afterEach, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { type ConsoleEvent, openConsole } from "../../../src/client/console.ts";
import { type ServedSocket, type Server, serveUnix } from "../../../src/runtime/serve.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

const dir = tempPerTest();
let server: Server | undefined;
afterEach(async () => {
  await server?.stop();
});

interface Host {
  readonly socket: string;
  readonly targets: string[];
  readonly typed: Uint8Array[];
  /** The connection, once there is one. */
  connection(): ServedSocket | undefined;
}

/** An agent's end of a console; `refusal` is what every request is answered with instead. */
async function host(name = "api.sock", refusal?: Response): Promise<Host> {
  const socket = dir.file(name);
  const [targets, typed]: [string[], Uint8Array[]] = [[], []];
  let connection: ServedSocket | undefined;
  server = await serveUnix(
    socket,
    (request, upgrade) => {
      const { pathname, search } = new URL(request.url);
      targets.push(pathname + search);
      if (refusal !== undefined) return refusal.clone();
      upgrade({
        open: (opened) => {
          connection = opened;
        },
        message: (data) => void typed.push(Buffer.from(data as Uint8Array)),
        drained: () => undefined,
        closed: () => undefined,
      });
      return new Response(null);
    },
    1024,
  );
  return { socket, targets, typed, connection: () => connection };
}

const wish = { readOnly: false, scrollback: 50 };
const connect = (socket: string, more = {}) =>
  openConsole({ kind: "unix", path: socket }, "a1", "v/m", { ...wish, ...more });

test("a console is asked for by allocation and task, also to go on where it was", async () => {
  const { socket, targets } = await host();
  (await connect(socket)).close();
  (await connect(socket, { from: { file: "alloc/logs/vm.stdout.1", offset: 9 }, readOnly: true })).close();
  expect(targets).toEqual([
    "/v1/vm/a1/v%2Fm/console?scrollback=50&readonly=false",
    "/v1/vm/a1/v%2Fm/console?scrollback=50&readonly=true&file=alloc%2Flogs%2Fvm.stdout.1&offset=9",
  ]);
});

test("a socket may have any name", async () => {
  mkdirSync(dir.file("a b:c%41é#?"));
  const { socket, connection } = await host("a b:c%41é#?/x y:z.sock");
  const link = await connect(socket);
  await until("the connection", connection);
  link.close();
});

test("bytes and words come in their order, and the place in the log is counted on", async () => {
  const { socket, connection } = await host();
  const link = await connect(socket);
  const agent = await until("the connection", connection);
  agent.send('{"Type":"position","File":"f","Offset":10}');
  agent.send(new Uint8Array([1, 2, 3]));
  agent.send('{"Type":"of another version"}');
  agent.send("no JSON");
  agent.send('{"Type":"skipped","Bytes":5}');
  agent.close(1001, "");
  const events: ConsoleEvent[] = [];
  for await (const event of link.events()) events.push(event);
  expect(events).toEqual([
    { frame: { Type: "position", File: "f", Offset: 10 } },
    { data: new Uint8Array([1, 2, 3]) },
    { frame: { Type: "skipped", Bytes: 5 } },
  ]);
  expect(link.place).toEqual({ file: "f", offset: 18 });
});

test("input waits for the agent to take what was sent before, and ends with the connection", async () => {
  const { socket, typed, connection } = await host();
  const link = await connect(socket);
  const agent = await until("the connection", connection);
  const bytes = () => typed.reduce((sum, { length }) => sum + length, 0);
  let sent = false;
  const sending = link.send(new Uint8Array(200 << 10)).then(() => {
    sent = true;
  });
  await until("the first window", () => bytes() > 32 << 10);
  expect(bytes()).toBeLessThanOrEqual(36 << 10);
  agent.send(`{"Type":"taken","Bytes":${20 << 10}}`);
  agent.send(`{"Type":"lost","Bytes":${16 << 10},"Message":"why"}`);
  await until("more", () => bytes() === 72 << 10);
  expect(sent).toBe(false);
  agent.close(1001, "");
  await sending;
});

test("output that nobody reads does not pile up: it is left out and counted", async () => {
  const { socket, connection } = await host();
  const link = await connect(socket);
  const agent = await until("the connection", connection);
  agent.send('{"Type":"position","File":"f","Offset":0}');
  for (let times = 0; times < 40; times++) {
    agent.send(new Uint8Array(64 << 10));
    await until("it to be sent", () => agent.waiting() === 0);
  }
  agent.close(1000, "");
  let [got, skipped] = [0, 0];
  for await (const event of link.events()) {
    if ("data" in event) got += event.data.length;
    else if (event.frame.Type === "skipped") skipped += event.frame.Bytes;
  }
  expect(got).toBeLessThan(2 << 20);
  expect(got + skipped).toBe(40 * (64 << 10));
  expect(link.place).toEqual({ file: "f", offset: 40 * (64 << 10) });
});

test("a refusal is told in the agent's words", async () => {
  const { socket } = await host(
    "api.sock",
    new Response("the machine has ended: x\nhint: paddock logs", { status: 409 }),
  );
  await expect(connect(socket)).rejects.toMatchObject({
    code: "conflict",
    message: "the machine has ended: x",
    hint: "paddock logs",
  });
});

test("an agent that is not there is said to be so", async () => {
  await expect(connect(dir.file("none.sock"))).rejects.toMatchObject({ code: "unavailable" });
});

test("a client that sends and never reads is cut off before what waits for it is much", async () => {
  const socket = dir.file("api.sock");
  let [most, closed] = [0, false];
  server = await serveUnix(
    socket,
    (_, upgrade) => {
      let connection: ServedSocket | undefined;
      upgrade({
        open: (opened) => {
          connection = opened;
        },
        message: () => {
          connection?.send("x".repeat(1 << 10));
          most = Math.max(most, connection?.waiting() ?? 0);
        },
        drained: () => undefined,
        closed: () => {
          closed = true;
        },
      });
      return new Response(null);
    },
    1024,
  );
  const handshake = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
  ];
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  const client = connectSocket(socket).pause();
  client.on("error", () => undefined);
  client.write([...handshake, key, "", ""].join("\r\n"));
  // A masked binary frame of one byte (RFC 6455, 5.2).
  const frames = Buffer.concat(Array.from({ length: 4_000 }, () => Buffer.from([0x82, 0x81, 0, 0, 0, 0, 0x78])));
  client.write(frames);
  await until("the connection to be cut off", () => closed);
  expect(most).toBeLessThan(2 << 20);
  client.destroy();
});
