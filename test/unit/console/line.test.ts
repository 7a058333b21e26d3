import { afterEach, expect, test } from "bun:test";
import { rmSync, symlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { consoleBench, ending } from "../../helpers/console-bench.ts";
import { until } from "../../helpers/until.ts";

const here = consoleBench();
const { become, join, open, socketPath } = here;

let qemu: FakeSerial | undefined;

afterEach(() => {
  qemu?.server.close();
  qemu?.drop();
  qemu = undefined;
});

interface FakeSerial {
  readonly server: Server;
  readonly connections: Socket[];
  received(): string;
  drop(): void;
}

/** What QEMU does at the other end of a serial port's socket. */
async function listenSerial(path = socketPath()): Promise<FakeSerial> {
  const connections: Socket[] = [];
  let text = "";
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  qemu = {
    server,
    connections,
    received: () => text,
    drop: () => {
      for (const socket of connections) socket.destroy();
    },
  };
  return qemu;
}

test("a console without a serial log goes on when QEMU listens anew, and never at somebody else's socket", async () => {
  const other = await listenSerial(here.dir.file("other.sock"));
  symlinkSync("other.sock", socketPath());
  const viewer = join(open(false));
  viewer.seat.input(Buffer.from("secret"));
  rmSync(socketPath());
  const own = await listenSerial();
  await until("the machine's own socket", () => own.received() === "secret");
  expect(other.received()).toBe("");
  other.server.close();
});

test("a console without a serial log types nothing into a socket that another user than the machine's has made", async () => {
  const uid = process.getuid?.() ?? 0;
  const planted = await listenSerial();
  here.user = { uid: uid + 1, gid: 0 };
  const viewer = join(open(false));
  viewer.seat.input(Buffer.from("secret"));
  here.user = { uid, gid: 0 };
  rmSync(socketPath());
  const own = await listenSerial();
  await until("the machine's own socket", () => own.received() === "secret");
  expect(planted.connections).toEqual([]);
  planted.server.close();
});

test("a console without a serial log shows what comes through the socket, to its last byte", async () => {
  const { connections, received } = await listenSerial();
  const viewer = join(open(false));
  expect(viewer.frames[0]).toMatchObject({ Type: "hello", Logged: false });
  await until("the connection", () => connections.length === 1);
  connections[0]?.write("tick 1\n");
  await until("the tick", () => viewer.text === "tick 1\n");
  viewer.seat.input(Buffer.from("x"));
  await until("the key", () => received() === "x");
  connections[0]?.end("power off\n");
  become({ kind: "ended", generation: 1, ending, failed: false });
  await until("the end", () => viewer.ended !== undefined);
  expect(viewer.text).toBe("tick 1\npower off\n");
});
