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
    fetch: (request, bun) => upgradable(request, bun, (upgrade) => handler(request, upgrade)),
    websocket: WEBSOCKET,
  } as Bun.Serve.Options<SocketHandler>);
  return { stop: () => server.stop(true) };
}

async function upgradable(
  request: Request,
  bun: Bun.Server<SocketHandler>,
  answer: (upgrade: Upgrade) => Response | Promise<Response>,
): Promise<Response | undefined> {
  let upgraded = false;
  const response = await answer((data) => {
    upgraded = bun.upgrade(request, { data });
    return upgraded;
  });
  return upgraded ? undefined : response;
}

const WEBSOCKET: Bun.WebSocketHandler<SocketHandler> = {
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
};

/** What is known of a request that comes by TCP. */
export interface Remote {
  /** Of the client. */
  readonly address: string;
  readonly upgrade: Upgrade;
  /** Cuts the connection when it is silent for so many seconds from now on, 255 at most; 0 for never. */
  patience(seconds: number): void;
}

export interface TcpOptions {
  /** An IP address. */
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Null for plain HTTP. */
  readonly tls: ServerTls | null;
  /** A larger request body is answered with 413. */
  readonly maxBodyBytes: number;
}

/** In PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities one of which must vouch for every client; null asks clients for no certificate. */
  readonly clientCa: string | null;
}

export interface TcpServer extends Server {
  readonly port: number;
  /**
   * Greets new connections with another certificate; those that are there go on. One call at a time. @throws as `serveTcp` does, and goes on
   * as before unless the port was taken meanwhile.
   */
  renew(tls: ServerTls): Promise<void>;
}

/** Seconds of silence after which a connection is closed that nobody said anything else of; the head of a request has as long in all. */
const TCP_IDLE = 10;

/**
 * Serves HTTP by TCP.
 * @returns null where the runtime cannot. @throws system errors with a `code` (`EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`), and BoringSSL's words
 * about a certificate and a key that do not fit.
 */
export function serveTcp(
  options: TcpOptions,
  handler: (request: Request, remote: Remote) => Response | Promise<Response>,
): TcpServer | null {
  if (runtimeKind !== "bun") return null;
  const open = (port: number, tls: ServerTls | null) =>
    Bun.serve<SocketHandler>({
      hostname: options.address,
      port,
      maxRequestBodySize: options.maxBodyBytes,
      idleTimeout: TCP_IDLE,
      development: false,
      // Unless told, Bun lets two servers share a port in its test runner.
      reusePort: false,
      ...(tls === null ? {} : { tls: tlsOfServer(tls) }),
      error: () => new Response("internal error", { status: 500 }),
      fetch: (request, bun) =>
        upgradable(request, bun, (upgrade) => {
          const address = bun.requestIP(request)?.address.replace(/^::ffff:(?=[\d.]+$)/i, "") ?? "";
          return handler(request, { address, upgrade, patience: (seconds) => bun.timeout(request, seconds) });
        }),
      websocket: WEBSOCKET,
    } as Bun.Serve.Options<SocketHandler>);
  let { tls } = options;
  let stopped = false;
  let server = open(options.port, tls);
  const port = server.port ?? options.port;
  // Those that still have connections of before.
  const former = new Set<typeof server>();
  return {
    port,
    renew: async (renewed) => {
      // Bun's `reload` takes no other certificate, and one port has one listener: between these two nobody can connect.
      const old = server;
      former.add(old);
      void old.stop().then(() => former.delete(old));
      const again = async (wanted: ServerTls | null): Promise<void> => {
        const found = await openFreed(() => (stopped ? null : open(port, wanted)));
        if (found !== null) server = found;
      };
      try {
        await again(renewed);
        tls = renewed;
      } catch (error) {
        await again(tls);
        throw error;
      }
    },
    stop: async () => {
      stopped = true;
      await Promise.all([server, ...former].map((one) => one.stop(true)));
    },
  };
}

/** How long a port may stay taken after its listener was stopped, in milliseconds: Bun closes it a moment later at times. */
const FREED_WITHIN = 5_000;

async function openFreed<T>(open: () => T): Promise<T> {
  for (let waited = 0; ; waited += 5) {
    try {
      return open();
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (code !== "EADDRINUSE" || waited >= FREED_WITHIN) throw error;
      await Bun.sleep(5);
    }
  }
}

function tlsOfServer({ cert, key, clientCa }: ServerTls): object {
  return {
    cert,
    key,
    ...(clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  };
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
