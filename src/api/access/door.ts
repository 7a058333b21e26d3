import type { Tokens } from "../../agent/tokens.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { KnownToken } from "../../contract/token.ts";
import type { Remote, ServedSocket, SocketHandler } from "../../runtime/serve.ts";
import { errorReply } from "../errors.ts";
import type { Beside } from "./caller.ts";
import { clientOf, countFailures } from "./failures.ts";
import { watchedBody } from "./watched.ts";

export interface DoorOptions {
  readonly tokens: Pick<Tokens, "find" | "whenGone">;
  readonly log: Log;
  readonly clock: Clock;
  /** Most requests of one address at the same time, streams and consoles among them; 0 for any number. */
  readonly maxPerClient: number;
}

/** Seconds that a client may take between two pieces of a request's body. */
const BODY_SECONDS = 60;
/** Why a WebSocket is closed whose token is good no more (RFC 6455, 7.4.1). */
const POLICY_VIOLATION = 1008;

/**
 * The way in for requests that do not come over the unix socket. Nobody passes without a token, wherever they come from: guests reach the
 * loopback address of their host as 10.0.2.2. What is under way when a token is revoked or expires ends.
 * @param handle answers who has passed.
 */
export function createDoor(
  options: DoorOptions,
  handle: (request: Request, beside: Beside) => Promise<Response>,
): (request: Request, remote: Remote) => Promise<Response> {
  const { tokens } = options;
  const refuse = refuseStrangers(options);
  const visits = countVisits(options.maxPerClient);
  return async (request, remote) => {
    const secret = secretOf(request.headers);
    const token = secret === undefined ? undefined : tokens.find(secret);
    if (token === undefined) return refuse(remote.address, secret !== undefined);
    const leave = visits.enter(clientOf(remote.address));
    if (leave === null) {
      return errorReply(
        429,
        "too many requests of this address at the same time",
        "http_max_conns_per_client of the agent's limits",
      );
    }
    const gone = new AbortController();
    const forget = tokens.whenGone(token, () => gone.abort());
    const done = (): void => {
      forget();
      leave();
    };
    return await visit({ request, remote, token, gone: gone.signal, done }, handle);
  };
}

interface Visit {
  readonly request: Request;
  readonly remote: Remote;
  readonly token: KnownToken;
  /** Aborts when the token is good no more. */
  readonly gone: AbortSignal;
  readonly done: () => void;
}

async function visit(
  { request, remote, token, gone, done }: Visit,
  handle: (request: Request, beside: Beside) => Promise<Response>,
): Promise<Response> {
  let upgraded = false;
  const upgrade = (handler: SocketHandler): boolean => {
    upgraded = remote.upgrade(watchedSocket(handler, gone, done));
    return upgraded;
  };
  const bodyTaken = (): void => remote.patience(0);
  try {
    remote.patience(request.body === null ? 0 : BODY_SECONDS);
    const heard = new Request(request, { signal: AbortSignal.any([request.signal, gone]) });
    const caller = { kind: "token", token, address: remote.address } as const;
    const response = await handle(heard, { caller, upgrade, bodyTaken });
    if (upgraded) return response;
    if (response.body !== null) return new Response(watchedBody(response.body, gone, done), response);
    done();
    return response;
  } catch (error) {
    if (!upgraded) done();
    throw error;
  }
}

/** Nomad's header, then the one that everybody knows. */
function secretOf(headers: Headers): string | undefined {
  const own = headers.get("x-nomad-token");
  if (own !== null && own !== "") return own;
  return /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

function refuseStrangers({ log, clock }: DoorOptions): (address: string, hasToken: boolean) => Response {
  const failures = countFailures(clock);
  return (address, hasToken) => {
    const reply = failures.count(address) ? refusal(hasToken) : errorReply(429, "too many requests without a token");
    if (reply.status === 403)
      log.warn("a request was refused", { address, why: hasToken ? "its token is none" : "it has no token" });
    else reply.headers.set("retry-after", "60");
    // What it goes on to send is nothing to wait for.
    reply.headers.set("connection", "close");
    return reply;
  };
}

function refusal(hasToken: boolean): Response {
  return hasToken
    ? errorReply(403, "ACL token not found", "it is wrong, expired or revoked; on the host: paddock token list")
    : errorReply(
        403,
        "Permission denied: a token is needed here",
        "set PADDOCK_TOKEN, or send X-Nomad-Token; on the host: paddock token create -role read",
      );
}

/** @returns what lets somebody in: null for one too many, else what to call when they leave. */
function countVisits(most: number): { enter(client: string): (() => void) | null } {
  const counts = new Map<string, number>();
  return {
    enter(client) {
      const count = counts.get(client) ?? 0;
      if (most > 0 && count >= most) return null;
      counts.set(client, count + 1);
      return () => {
        const left = (counts.get(client) ?? 1) - 1;
        if (left > 0) counts.set(client, left);
        else counts.delete(client);
      };
    },
  };
}

function watchedSocket(handler: SocketHandler, gone: AbortSignal, done: () => void): SocketHandler {
  let close = (): void => undefined;
  return {
    open: (socket: ServedSocket) => {
      close = () => socket.close(POLICY_VIOLATION, "the token is good no more");
      gone.addEventListener("abort", close, { once: true });
      handler.open(socket);
      if (gone.aborted) close();
    },
    message: (data) => handler.message(data),
    drained: () => handler.drained(),
    closed: () => {
      gone.removeEventListener("abort", close);
      done();
      handler.closed();
    },
  };
}
