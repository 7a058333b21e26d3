import type { IncomingMessage } from "node:http";
import { runtimeKind } from "./kind.ts";

export interface PlainRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

/**
 * An HTTP request over a unix socket.
 * @param target path and query, beginning with `/`.
 * @throws when nothing listens there (code `ENOENT`, `ECONNREFUSED`, or Bun's `FailedToOpenSocket`).
 */
export async function fetchUnix(socketPath: string, target: string, init: PlainRequest = {}): Promise<Response> {
  if (runtimeKind === "bun") {
    // Bun's own fetch ends a silent reply after 300 s unless told not to.
    return await fetch(`http://localhost${target}`, { ...init, unix: socketPath, timeout: false } as RequestInit);
  }
  return await fetchNode(socketPath, target, init);
}

/** How a client speaks TLS; texts are in PEM. */
export interface ClientTls {
  /** The authorities that it believes instead of the host's; null for those. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** The name that the server is asked for and must prove to have; null for the one in the URL. */
  readonly serverName: string | null;
  /** True leaves the server's certificate unchecked. */
  readonly insecure: boolean;
}

/**
 * The same at a URL; no redirect is followed, and silence has no time limit. Only Bun heeds `tls`; elsewhere the host's authorities alone
 * are believed.
 * @param init with `direct` it goes by no proxy, whatever the environment says.
 * @throws system errors with a `code`, or the signal's reason.
 */
export async function fetchHttp(
  url: string,
  { direct = false, ...init }: PlainRequest & { readonly direct?: boolean } = {},
  tls?: ClientTls,
): Promise<Response> {
  const options = {
    ...init,
    ...(direct ? { proxy: false } : {}),
    redirect: "manual",
    timeout: false,
    ...(tls === undefined ? {} : { tls: tlsOfClient(tls) }),
  };
  return await fetch(url, options as RequestInit);
}

/** What Bun's `fetch` and `WebSocket` take as `tls`. */
export function tlsOfClient({ ca, cert, key, serverName, insecure }: ClientTls): object {
  return {
    rejectUnauthorized: !insecure,
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(serverName === null ? {} : { serverName }),
  };
}

async function fetchNode(socketPath: string, target: string, init: PlainRequest): Promise<Response> {
  const { httpRequest, toResponse } = await loadNode();
  return await new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        socketPath,
        path: target,
        method: init.method ?? "GET",
        headers: { ...init.headers },
        ...(init.signal === undefined ? {} : { signal: init.signal }),
      },
      (incoming) => resolve(toResponse(incoming)),
    );
    outgoing.once("error", reject);
    outgoing.end(init.body);
  });
}

/** Node's own HTTP, which Bun needs for none of this and which takes 3 ms to load. */
async function loadNode() {
  const [{ request: httpRequest }, { request: httpsRequest }, { Readable }] = await Promise.all([
    import("node:http"),
    import("node:https"),
    import("node:stream"),
  ]);
  const toResponse = (incoming: IncomingMessage): Response =>
    responseOf(incoming, () => Readable.toWeb(incoming) as unknown as ReadableStream);
  return { httpRequest, httpsRequest, toResponse };
}

function responseOf(incoming: IncomingMessage, body: () => ReadableStream): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const status = incoming.statusCode ?? 0;
  const empty = status === 204 || status === 304;
  return new Response(empty ? null : body(), { status, headers });
}

export interface StreamRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** True leaves the server's certificate unchecked. */
  readonly insecure: boolean;
  /** The proxy to go by, null for none whatever the environment says; unless set, what the runtime itself makes of that. */
  readonly proxy?: string | null;
  readonly tls?: TlsIdentity;
}

/** In PEM; null is nothing. */
export interface TlsIdentity {
  /** Authorities that are trusted besides the host's. */
  readonly ca: string | null;
  /** What this client is to a server that asks. */
  readonly cert: string | null;
  readonly key: string | null;
}

/**
 * A GET whose body is taken as it comes over the wire: no redirect is followed, nothing is decompressed, silence has no time
 * limit but the caller's signal.
 * @throws system errors with a `code`, or the signal's reason.
 */
export async function fetchStream(url: string, init: StreamRequest): Promise<Response> {
  const tls = await tlsOptions(init);
  if (runtimeKind === "bun") {
    if (init.proxy !== undefined) forgetProxies();
    const options = {
      headers: { ...init.headers },
      signal: init.signal,
      redirect: "manual",
      decompress: false,
      timeout: false,
      tls,
      ...(typeof init.proxy === "string" ? { proxy: init.proxy } : {}),
    };
    return await fetch(url, options as RequestInit);
  }
  return await fetchStreamNode(url, init, tls);
}

/** Bun's fetch takes proxies from the environment and lets `NO_PROXY` win over the one that it is given, by rules of its own. */
function forgetProxies(): void {
  for (const name of ["http_proxy", "https_proxy", "no_proxy"]) {
    delete process.env[name];
    delete process.env[name.toUpperCase()];
  }
}

async function tlsOptions({ insecure, tls }: StreamRequest): Promise<object> {
  if (tls === undefined) return { rejectUnauthorized: !insecure };
  const identity = { ...(tls.cert === null ? {} : { cert: tls.cert }), ...(tls.key === null ? {} : { key: tls.key }) };
  const options = { rejectUnauthorized: !insecure, ...identity };
  if (tls.ca === null) return options;
  // `ca` stands instead of the default ones.
  return { ...options, ca: await trustedAuthorities(tls.ca) };
}

/** The authorities that this host trusts, and one more, each in PEM. */
export async function trustedAuthorities(ca: string): Promise<readonly string[]> {
  const { getCACertificates, rootCertificates } = await import("node:tls");
  // Deno has no function for these.
  const known = typeof getCACertificates === "function" ? getCACertificates("default") : rootCertificates;
  return [...known, ca];
}

// Deno's own fetch decompresses always and cannot leave a certificate unchecked.
async function fetchStreamNode(url: string, init: StreamRequest, tls: object): Promise<Response> {
  if (typeof init.proxy === "string")
    throw Object.assign(new Error("this runtime knows no proxies"), { code: "ERR_UNSUPPORTED_PROXY" });
  const { httpRequest, httpsRequest, toResponse } = await loadNode();
  return await new Promise((resolve, reject) => {
    const options = { headers: { ...init.headers }, signal: init.signal, agent: false as const };
    const outgoing = url.startsWith("https:") ? httpsRequest(url, { ...options, ...tls }) : httpRequest(url, options);
    outgoing.once("response", (incoming) => resolve(toResponse(incoming)));
    outgoing.once("error", reject);
    outgoing.end();
  });
}
