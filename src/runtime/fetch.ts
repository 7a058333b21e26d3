import { request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { runtimeKind } from "./kind.ts";

export interface UnixRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/**
 * An HTTP request over a unix socket.
 * @param target path and query, beginning with `/`.
 * @throws when nothing listens there (code `ENOENT`, `ECONNREFUSED`, or Bun's `FailedToOpenSocket`).
 */
export async function fetchUnix(socketPath: string, target: string, init: UnixRequest = {}): Promise<Response> {
  if (runtimeKind === "bun") {
    // Bun's own fetch ends a silent reply after 300 s unless told not to.
    return await fetch(`http://localhost${target}`, { ...init, unix: socketPath, timeout: false } as RequestInit);
  }
  return await fetchNode(socketPath, target, init);
}

function fetchNode(socketPath: string, target: string, init: UnixRequest): Promise<Response> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        socketPath,
        path: target,
        method: init.method ?? "GET",
        headers: { ...init.headers },
        ...(init.signal === undefined ? {} : { signal: init.signal }),
      },
      (incoming) => {
        const headers = new Headers();
        for (const [name, value] of Object.entries(incoming.headers)) {
          if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
        }
        const status = incoming.statusCode ?? 0;
        const empty = status === 204 || status === 304;
        resolve(
          new Response(empty ? null : (Readable.toWeb(incoming) as unknown as ReadableStream), { status, headers }),
        );
      },
    );
    outgoing.once("error", reject);
    outgoing.end(init.body);
  });
}
