import { runtimeKind } from "./kind.ts";

export interface Server {
  /** Stops listening and cuts what is still open. */
  stop(): Promise<void>;
}

/** One end of a WebSocket, the server's. */
export interface ServedSocket {
  send(data: string | Uint8Array): void;
  /** Bytes that were given to `send` and that the kernel has not taken yet. */
  waiting(): number;
  /** @param reason at most 123 bytes. */
  close(code: number, reason: string): void;
}

/** What is done with a WebSocket. */
export interface SocketHandler {
  open(socket: ServedSocket): void;
  message(data: string | Uint8Array): void;
  /** Less is waiting than before. */
  drained(): void;
  closed(): void;
}

/** Makes a WebSocket of the request that is being handled. @returns false when it cannot be one; then it is to be answered. */
export type Upgrade = (handler: SocketHandler) => boolean;

export type Handler = (request: Request, upgrade: Upgrade) => Response | Promise<Response>;

/** Largest message that is taken from a WebSocket; a longer one closes it. */
const MAX_MESSAGE_BYTES = 64 << 10;
/** Most bytes that wait for the other end of a WebSocket; one that takes nothing and has more waiting is closed. */
const MAX_WAITING_BYTES = 1 << 20;
/** Seconds of silence after which a WebSocket whose other end does not answer a ping either is closed. */
const SOCKET_IDLE = 120;

/**
 * Serves HTTP on a unix socket. The path must be free: a stale socket file has to be removed first.
 * @param maxBodyBytes a larger request body is answered with 413.
 */
export async function serveUnix(path: string, handler: Handler, maxBodyBytes: number): Promise<Server> {
  if (runtimeKind === "bun") return serveBun(path, handler, maxBodyBytes);
  return await serveNode(path, handler, maxBodyBytes);
}

function serveBun(path: string, handler: Handler, maxBodyBytes: number): Server {
  const server = Bun.serve<SocketHandler>({
    unix: path,
    maxRequestBodySize: maxBodyBytes,
    // Without idleTimeout 0 Bun cuts a reply that is idle for 10 s, such as a followed log.
    idleTimeout: 0,
    fetch: async (request, bun) => {
      let upgraded = false;
      const response = await handler(request, (data) => {
        upgraded = bun.upgrade(request, { data });
        return upgraded;
      });
      return upgraded ? undefined : response;
    },
    websocket: {
      maxPayloadLength: MAX_MESSAGE_BYTES,
      idleTimeout: SOCKET_IDLE,
      backpressureLimit: MAX_WAITING_BYTES,
      closeOnBackpressureLimit: true,
      open: (ws) =>
        ws.data.open({
          send: (data) => void ws.send(data),
          waiting: () => ws.getBufferedAmount(),
          close: (code, reason) => ws.close(code, reason),
        }),
      message: (ws, data) => ws.data.message(data),
      drain: (ws) => ws.data.drained(),
      close: (ws) => ws.data.closed(),
    },
  } as Bun.Serve.Options<SocketHandler>);
  return { stop: () => server.stop(true) };
}

async function serveNode(path: string, handler: Handler, maxBodyBytes: number): Promise<Server> {
  // Bun needs neither of them, and they take 5 MB.
  const [{ createServer }, { Readable }] = await Promise.all([import("node:http"), import("node:stream")]);
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of incoming) {
      size += (chunk as Buffer).length;
      if (size > maxBodyBytes) {
        outgoing.writeHead(413).end("request body too large");
        return;
      }
      chunks.push(chunk as Buffer);
    }
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headers)) {
      if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
    const method = incoming.method ?? "GET";
    const body = method === "GET" || method === "HEAD" ? null : Buffer.concat(chunks);
    const request = new Request(`http://localhost${incoming.url ?? "/"}`, { method, headers, body });
    // Only Bun's server speaks WebSocket: elsewhere the request is answered like any other.
    const response = await handler(request, () => false);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (response.body === null) outgoing.end();
    else Readable.fromWeb(response.body as unknown as Parameters<typeof Readable.fromWeb>[0]).pipe(outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
