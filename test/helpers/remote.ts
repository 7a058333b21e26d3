import type { Api } from "../../src/api/app.ts";
import type { Role } from "../../src/contract/role.ts";
import type { Remote, SocketHandler } from "../../src/runtime/serve.ts";
import type { FakeAgent } from "./fake-agent.ts";

export interface RemoteClient {
  /** Sends a request as it comes by TCP. */
  send(method: string, path: string, options?: RemoteOptions): Promise<Response>;
  /** What became of a WebSocket; undefined where none was asked for. */
  readonly sockets: SocketHandler[];
  /** How long the server was told to be patient, in seconds, in order. */
  readonly patience: number[];
}

export interface RemoteOptions {
  /** Of a token; none unless told. */
  readonly secret?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A client elsewhere, without a network. */
export function remoteClient(api: Pick<Api, "fetchRemote">, address = "192.0.2.7"): RemoteClient {
  const sockets: SocketHandler[] = [];
  const patience: number[] = [];
  const remote: Remote = {
    address,
    upgrade: (handler) => sockets.push(handler) > 0,
    patience: (seconds) => void patience.push(seconds),
  };
  return {
    sockets,
    patience,
    send: (method, path, { secret, body, headers = {}, signal } = {}) =>
      api.fetchRemote(
        new Request(`http://localhost${path}`, {
          method,
          headers: { ...(secret === undefined ? {} : { "x-nomad-token": secret }), ...headers },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
          ...(signal === undefined ? {} : { signal }),
        }),
        remote,
      ),
  };
}

/** The secret of a new token. */
export function secretFor(agent: FakeAgent, role: Role, ttlMillis: number | null = null): string {
  return agent.tokens.create({ role, name: role, ttlMillis }).secret;
}
