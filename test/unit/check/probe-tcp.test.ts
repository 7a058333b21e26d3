import { afterEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { probeTcp } from "../../../src/check/probe-tcp.ts";
import { parseUserNetwork } from "../../../src/qmp/user-network.ts";

/** As QEMU 7.2 prints it. */
const HEAD = "Hub -1 (user.0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n";
const row = (state: string, port: number, fd = 17): string =>
  `${`  TCP[${state}]`.padEnd(20)} ${fd}       127.0.0.1 ${port}       10.0.2.15    80     0     0\r\n`;
const forward = (port: number): string =>
  `  TCP[HOST_FORWARD]  10               * ${port}       10.0.2.15    80     0     0\r\n`;
const UDP = "  UDP[HOST_FORWARD]  11               *    53       10.0.2.15    53     0     0\r\n";

let server: Server | undefined;
const sockets = new Set<Socket>();

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  server?.close();
});

/** A listener that does something with each connection, as QEMU does for a guest. @returns its port. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const address = server?.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const silent = (): void => undefined;
const quiet = new AbortController().signal;

function probe(port: number, userNetwork: () => Promise<string>, timeoutMillis = 300) {
  return probeTcp({ type: "tcp", host: "127.0.0.1", port }, { timeoutMillis, signal: quiet, userNetwork });
}

test("QEMU's table is read row by row, whatever else it holds", () => {
  const text = `${HEAD}${row("SYN_SENT", 23_456)}${row("ESTABLISHED", 23_456)}${forward(23_456)}${UDP}junk TCP[X\r\n`;
  expect(parseUserNetwork(text)).toEqual([
    { state: "SYN_SENT", hostPort: 23_456 },
    { state: "ESTABLISHED", hostPort: 23_456 },
    { state: "HOST_FORWARD", hostPort: 23_456 },
  ]);
  expect(parseUserNetwork("unknown command: 'info usernet'\r\n")).toEqual([]);
});

test("a silent connection that the guest took is a success", async () => {
  const port = await listen(silent);
  const result = await probe(port, async () => HEAD + row("ESTABLISHED", port) + forward(port));
  expect(result).toEqual({ success: true, output: "tcp ok", statusCode: 0 });
});

test("a connection that waits for the guest is a failure when the time is over, also beside older ones", async () => {
  const port = await listen(silent);
  const result = await probe(
    port,
    async () => HEAD + row("SYN_SENT", port, 18) + row("ESTABLISHED", port) + forward(port),
  );
  expect(result).toMatchObject({ success: false, output: "the guest did not answer within 300ms" });
});

test("one that the guest takes while it is waited for is a success, older ones that still wait notwithstanding", async () => {
  const port = await listen(silent);
  let asked = 0;
  const network = async () => {
    const state = ++asked < 3 ? "SYN_SENT" : "ESTABLISHED";
    return HEAD + row(state, port, 18) + row("SYN_SENT", port) + forward(port);
  };
  expect((await probe(port, network, 2000)).success).toBe(true);
});

test("an older connection that QEMU tells of before it has taken ours proves nothing", async () => {
  const port = await listen(silent);
  let asked = 0;
  const network = async () => {
    const old = row("ESTABLISHED", port) + forward(port);
    return ++asked === 1 ? HEAD + old : HEAD + row("SYN_SENT", port, 18) + old;
  };
  expect((await probe(port, network)).success).toBe(false);
});

test("a connection that is closed at once was refused, unless QEMU still holds its other half", async () => {
  const port = await listen((socket) => socket.end());
  const refused = await probe(port, async () => HEAD + row("ESTABLISHED", port) + forward(port));
  expect(refused).toMatchObject({ success: false, output: "the guest refused the connection" });
  const taken = await probe(port, async () => HEAD + row("CLOSE_WAIT", port, 18) + forward(port));
  expect(taken.success).toBe(true);
});

test("a service that speaks needs no witness, and QEMU does not forward every port", async () => {
  const speaking = await listen((socket) => socket.end("SSH-2.0\r\n"));
  expect((await probe(speaking, () => new Promise(() => undefined))).success).toBe(true);
  server?.close();
  const direct = await listen(silent);
  expect((await probe(direct, async () => HEAD + forward(1))).success).toBe(true);
  expect((await probe(direct, async () => "unknown command: 'info usernet'")).success).toBe(true);
});

test("a monitor that is gone or hangs leaves it unknown, which is a failure with the reason", async () => {
  const port = await listen(silent);
  const gone = await probe(port, async () => {
    throw new Error("the monitor is not connected");
  });
  expect(gone.output).toBe("whether the guest took the connection is not known: the monitor is not connected");
  const hung = await probe(port, () => new Promise(() => undefined));
  expect(hung.output).toContain("QEMU's monitor did not answer in time");
});

test("a port at which nobody listens says so", async () => {
  const port = await listen(silent);
  await new Promise<void>((resolve) => server?.close(() => resolve()));
  expect(await probe(port, async () => "")).toMatchObject({ success: false, output: "no connection: ECONNREFUSED" });
});
