import { AppError, type ErrorCode } from "../base/errors.ts";
import { fetchHttp, fetchUnix } from "../runtime/fetch.ts";
import { type Address, isLoopbackOrigin } from "./address.ts";
import type { Credentials } from "./credentials.ts";
import { explainSilence } from "./discover.ts";

export interface ApiRequest {
  /** GET unless told. */
  readonly method?: "GET" | "PUT" | "DELETE";
  /** Path and query. */
  readonly target: string;
  /** Sent as JSON, bytes as they are. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request and gives the reply when it is a good one.
 * @throws AppError `unavailable` when nobody answers; the agent's own words when it refuses; the signal's reason when it aborts.
 */
export async function sendRequest(address: Address, request: ApiRequest): Promise<Response> {
  let response: Response;
  try {
    response = await dispatch(address, request);
  } catch (error) {
    request.signal?.throwIfAborted();
    throw await explainSilence(address, error);
  }
  if (response.ok) return response;
  throw readRefusal(response.status, await readText(address, response, request.signal));
}

async function dispatch(address: Address, request: ApiRequest): Promise<Response> {
  const { method = "GET", target, body, signal } = request;
  const isBytes = body instanceof Uint8Array;
  const headers =
    body === undefined ? {} : { "content-type": isBytes ? "application/octet-stream" : "application/json" };
  const init = {
    method,
    ...(body === undefined ? {} : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  };
  if (address.kind === "unix") return await fetchUnix(address.path, target, { ...init, headers });
  const token = tokenHeaders(address.credentials);
  return await fetchHttp(
    `${address.origin}${target}`,
    // As in Go, no proxy is asked for this host itself: it would have the token, and reach another agent or none.
    { ...init, headers: { ...headers, ...token }, direct: isLoopbackOrigin(address.origin) },
    address.credentials?.tls,
  );
}

/** What tells an agent elsewhere who asks. */
export function tokenHeaders(credentials: Credentials | undefined): Record<string, string> {
  const token = credentials?.token ?? null;
  return token === null ? {} : { "x-nomad-token": token };
}

/**
 * The whole text of a reply.
 * @throws AppError `unavailable` when the agent hangs up before its end; the signal's reason when it aborts.
 */
export async function readText(address: Address, response: Response, signal?: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw await explainSilence(address, error);
  }
}

/** The code of a failure by the status of its reply; the other end is the table of `src/api/errors.ts`. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  429: "unavailable",
  501: "unsupported",
  503: "unavailable",
  504: "timeout",
};

/** More than this of a refusal is not shown. */
const MAX_REFUSAL = 64 << 10;

/** A refusal in the agent's words: its message, and its `hint:` lines apart. */
function readRefusal(status: number, text: string): AppError {
  const lines = text.slice(0, MAX_REFUSAL).trim().split("\n");
  const hints = lines.filter((line) => line.startsWith("hint: ")).map((line) => line.slice("hint: ".length));
  const message = lines.filter((line) => !line.startsWith("hint: ")).join("\n");
  return new AppError(
    CODES[status] ?? "internal",
    message === "" ? `the agent answered with status ${status}` : message,
    {
      hint: hints.length === 0 ? undefined : hints.join("\n"),
    },
  );
}
