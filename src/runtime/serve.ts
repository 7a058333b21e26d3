import { createServer } from "node:http";
import { Readable } from "node:stream";
import { runtimeKind } from "./kind.ts";

export interface Server {
  /** Stops listening and cuts what is still open. */
  stop(): Promise<void>;
}

export type Handler = (request: Request) => Response | Promise<Response>;

/**
 * Serves HTTP on a unix socket. The path must be free: a stale socket file has to be removed first.
 * @param maxBodyBytes a larger request body is answered with 413.
 */
export async function serveUnix(path: string, handler: Handler, maxBodyBytes: number): Promise<Server> {
  if (runtimeKind === "bun") {
    // Without idleTimeout 0 Bun cuts a reply that is idle for 10 s, such as a followed log.
    const options = { unix: path, fetch: handler, maxRequestBodySize: maxBodyBytes, idleTimeout: 0 };
    const server = Bun.serve(options as unknown as Parameters<typeof Bun.serve>[0]);
    return { stop: () => server.stop(true) };
  }
  return await serveNode(path, handler, maxBodyBytes);
}

async function serveNode(path: string, handler: Handler, maxBodyBytes: number): Promise<Server> {
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
    const response = await handler(new Request(`http://localhost${incoming.url ?? "/"}`, { method, headers, body }));
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
