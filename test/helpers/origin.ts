import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Bytes at a time and milliseconds in between. */
export interface Pace {
  readonly chunk: number;
  readonly every: number;
}

/**
 * How the origin answers for a path. It speaks HTTP by itself, since servers of a library refuse to send a reply that breaks off
 * or that is shorter than it says.
 */
export type PlainReply =
  /** 200 and the whole body. */
  | { readonly kind: "bytes"; readonly body: Uint8Array | string; readonly headers?: Readonly<Record<string, string>> }
  /** Another status, with a short text; once `after` has resolved, where it is given. */
  | { readonly kind: "status"; readonly status: number; readonly body?: string; readonly after?: Promise<unknown> }
  | { readonly kind: "redirect"; readonly to: string; readonly status?: number }
  /** Declares the whole body, sends its first `send` bytes and closes. */
  | { readonly kind: "short"; readonly body: Uint8Array | string; readonly send: number }
  /** Declares the whole body, sends its first `send` bytes and stays silent with the connection open. */
  | { readonly kind: "stall"; readonly body: Uint8Array | string; readonly send: number }
  /** The whole body, `chunk` bytes every `every` milliseconds. */
  | { readonly kind: "slow"; readonly body: Uint8Array | string; readonly chunk: number; readonly every: number }
  /** Any status and headers; `content-length` is the body's unless given, a header of `null` is left out. Closes after `send` bytes, else at the end. */
  | {
      readonly kind: "raw";
      readonly status: number;
      readonly headers: Readonly<Record<string, string | null>>;
      readonly body: Uint8Array;
      readonly send?: number;
      /** Asked anew before each chunk when it is a function, with the bytes of the body that are sent. */
      readonly pace?: Pace | ((sent: number) => Pace);
      /** After `send` bytes the connection is reset, or stays open in silence, instead of closing. */
      readonly end?: "reset" | "silence";
    }
  /** Takes the connection and closes it without a word. */
  | { readonly kind: "hang-up" };

export type Reply =
  | PlainReply
  /** Another answer for each request; the first is number 1. */
  | { readonly kind: "each"; readonly answer: (request: SeenRequest, number: number) => PlainReply };

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
  /** Bytes of bodies that went out by `raw` replies. */
  served(): number;
  /** Changes the answer for a path from now on. */
  set(path: string, reply: Reply): void;
}

/** Serves `replies` on a free port of the loopback address; a path that is not among them answers 404. */
export async function startOrigin(replies: Readonly<Record<string, Reply>>): Promise<Origin> {
  const table = new Map(Object.entries(replies));
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const counter = { served: 0 };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that hangs up in the middle of a reply is what some tests are about.
    socket.on("error", () => socket.destroy());
    readRequest(socket, (request) => {
      requests.push(request);
      const found = table.get(request.path) ?? { kind: "status", status: 404 };
      const number = requests.filter(({ path }) => path === request.path).length;
      const reply = found.kind === "each" ? found.answer(request, number) : found;
      if (reply.kind === "raw") void answerRaw(socket, reply, counter);
      else void answer(socket, request, reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = (server.address() as AddressInfo).port;
  return {
    port,
    requests,
    url: (path) => `http://127.0.0.1:${port}${path}`,
    count: (path) => requests.filter((request) => request.path === path).length,
    served: () => counter.served,
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

type Raw = Extract<Reply, { kind: "raw" }>;

async function answerRaw(socket: Socket, reply: Raw, counter: { served: number }): Promise<void> {
  const { body, pace, end } = reply;
  const all = { "content-length": String(body.length), connection: "close", ...reply.headers };
  const lines = Object.entries(all).map(([name, value]) => (value === null ? "" : `${name}: ${value}\r\n`));
  socket.write(`HTTP/1.1 ${reply.status} Reply\r\n${lines.join("")}\r\n`);
  const most = Math.min(reply.send ?? body.length, body.length);
  for (let at = 0; at < most && !socket.destroyed; ) {
    const now = typeof pace === "function" ? pace(at) : pace;
    const chunk = body.subarray(at, Math.min(at + (now?.chunk ?? 64 << 10), most));
    at += chunk.length;
    if (!socket.write(chunk)) {
      const free = new AbortController();
      const { signal } = free;
      await Promise.race([once(socket, "drain", { signal }), once(socket, "close", { signal })]).catch(() => undefined);
      free.abort();
    }
    counter.served += chunk.length;
    if (now !== undefined) await Bun.sleep(now.every);
  }
  if (end === "reset") socket.resetAndDestroy();
  else if (end === undefined) socket.end();
}

/** The reply of a careful server to a request for a file or the rest of one; `more` changes it. */
export function rangeReply(
  request: SeenRequest,
  file: { readonly body: Uint8Array; readonly etag?: string; readonly headers?: Readonly<Record<string, string>> },
  more: Partial<Raw> = {},
): PlainReply {
  const { body, etag } = file;
  const headers = { ...(etag === undefined ? {} : { etag }), "accept-ranges": "bytes", ...file.headers };
  const [, from, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers["range"] ?? "") ?? [];
  const condition = request.headers["if-range"];
  const same = condition === undefined || condition === etag || condition === file.headers?.["last-modified"];
  if (from === undefined || !same)
    return { kind: "raw", status: 200, body, ...more, headers: { ...headers, ...more.headers } };
  const start = Number(from);
  const end = last ? Math.min(Number(last) + 1, body.length) : body.length;
  const range = start < end ? `bytes ${start}-${end - 1}/${body.length}` : `bytes */${body.length}`;
  const rest = start < end ? { status: 206, body: body.subarray(start, end) } : { status: 416, body: Buffer.alloc(0) };
  return { kind: "raw", ...rest, ...more, headers: { ...headers, "content-range": range, ...more.headers } };
}

async function answer(socket: Socket, request: SeenRequest, reply: Exclude<PlainReply, Raw>): Promise<void> {
  if (reply.kind === "hang-up") {
    socket.destroy();
    return;
  }
  if (reply.kind === "status" || reply.kind === "redirect") {
    if (reply.kind === "status") await reply.after;
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
