import { type AddressInfo, createServer, type Socket } from "node:net";

/**
 * How the origin answers for a path. It speaks HTTP by itself, since servers of a library refuse to send a reply that breaks off
 * or that is shorter than it says.
 */
export type Reply =
  /** 200 and the whole body. */
  | { readonly kind: "bytes"; readonly body: Uint8Array | string; readonly headers?: Readonly<Record<string, string>> }
  /** Another status, with a short text. */
  | { readonly kind: "status"; readonly status: number; readonly body?: string }
  | { readonly kind: "redirect"; readonly to: string; readonly status?: number }
  /** Declares the whole body, sends its first `send` bytes and closes. */
  | { readonly kind: "short"; readonly body: Uint8Array | string; readonly send: number }
  /** Declares the whole body, sends its first `send` bytes and stays silent with the connection open. */
  | { readonly kind: "stall"; readonly body: Uint8Array | string; readonly send: number }
  /** The whole body, `chunk` bytes every `every` milliseconds. */
  | { readonly kind: "slow"; readonly body: Uint8Array | string; readonly chunk: number; readonly every: number }
  /** Takes the connection and closes it without a word. */
  | { readonly kind: "hang-up" };

export interface SeenRequest {
  readonly method: string;
  /** Path with its query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** Every request so far, in order. */
  readonly requests: readonly SeenRequest[];
  url(path: string): string;
  count(path: string): number;
  /** Changes the answer for a path from now on. */
  set(path: string, reply: Reply): void;
}

/** Serves `replies` on a free port of the loopback address; a path that is not among them answers 404. */
export async function startOrigin(replies: Readonly<Record<string, Reply>>): Promise<Origin> {
  const table = new Map(Object.entries(replies));
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that hangs up in the middle of a reply is what some tests are about.
    socket.on("error", () => socket.destroy());
    readRequest(socket, (request) => {
      requests.push(request);
      void answer(socket, request, table.get(request.path) ?? { kind: "status", status: 404 });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    requests,
    url: (path) => `http://127.0.0.1:${port}${path}`,
    count: (path) => requests.filter((request) => request.path === path).length,
    set: (path, reply) => table.set(path, reply),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function readRequest(socket: Socket, done: (request: SeenRequest) => void): void {
  let text = "";
  const onData = (data: Buffer): void => {
    text += data.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return;
    socket.off("data", onData);
    const [first = "", ...lines] = text.slice(0, end).split("\r\n");
    const [method = "", path = ""] = first.split(" ");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    done({ method, path, headers });
  };
  socket.on("data", onData);
}

async function answer(socket: Socket, request: SeenRequest, reply: Reply): Promise<void> {
  if (reply.kind === "hang-up") {
    socket.destroy();
    return;
  }
  if (reply.kind === "status" || reply.kind === "redirect") {
    const { status, body, headers } = shortReply(reply);
    socket.write(head(status, body.length, headers));
    socket.end(request.method === "HEAD" ? "" : body);
    return;
  }
  const body = Buffer.from(reply.body as Uint8Array);
  socket.write(head(200, body.length, reply.kind === "bytes" ? reply.headers : undefined));
  if (request.method === "HEAD") socket.end();
  else if (reply.kind === "bytes") socket.end(body);
  else if (reply.kind === "short") socket.end(body.subarray(0, reply.send));
  else if (reply.kind === "stall") socket.write(body.subarray(0, reply.send));
  else await drip(socket, body, reply.chunk, reply.every);
}

function shortReply(reply: Extract<Reply, { kind: "status" | "redirect" }>) {
  if (reply.kind === "redirect") return { status: reply.status ?? 302, body: "", headers: { location: reply.to } };
  return { status: reply.status, body: reply.body ?? `status ${reply.status}\n`, headers: {} };
}

function head(status: number, length: number, headers: Readonly<Record<string, string>> = {}): string {
  const all = { "content-length": String(length), connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Reply\r\n${lines.join("")}\r\n`;
}

async function drip(socket: Socket, body: Buffer, chunk: number, every: number): Promise<void> {
  for (let at = 0; at < body.length && !socket.destroyed; at += chunk) {
    socket.write(body.subarray(at, at + chunk));
    await Bun.sleep(every);
  }
  socket.end();
}
