import { type Clock, systemClock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { type Address, formatAddress } from "./address.ts";
import type { ApiRequest } from "./request.ts";

/** Milliseconds of silence after which an agent is asked whether it lives. A full disk or a long removal makes it slow, and no more. */
const SILENCE = 10_000;
/** Milliseconds that it has to say so: any answer will do. */
const ANSWER = 5_000;

/** Sends a request and resolves when its reply begins. */
type Send = (address: Address, request: ApiRequest) => Promise<Response>;

/**
 * Waits for what the agent is asked for as long as it lives: one that was stopped or hangs takes connections and answers none.
 * @param work gets the request with a signal that aborts then.
 * @param send asks it whether it lives.
 * @throws AppError `timeout` when it does not; what `work` throws.
 */
export async function whileItLives<T>(
  address: Address,
  request: ApiRequest,
  work: (request: ApiRequest) => Promise<T>,
  { send, clock = systemClock }: { readonly send: Send; readonly clock?: Clock | undefined },
): Promise<T> {
  const given = request.signal === undefined ? [] : [request.signal];
  const [hung, done] = [new AbortController(), new AbortController()];
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel = clock.after(SILENCE, ask);
  };
  const ask = (): void => {
    cancel = clock.after(ANSWER, () => hung.abort(hangs(address, request)));
    send(address, { target: "/v1/agent/health", signal: AbortSignal.any([hung.signal, done.signal]) })
      .then((response) => response.body?.cancel())
      // One that has died has closed the connection of the request itself, and that says more.
      .catch(() => undefined)
      .finally(() => {
        cancel();
        if (!hung.signal.aborted && !done.signal.aborted) wait();
      });
  };
  wait();
  try {
    return await work({ ...request, signal: AbortSignal.any([...given, hung.signal]) });
  } finally {
    cancel();
    done.abort();
  }
}

function hangs(address: Address, { method = "GET", target }: ApiRequest): AppError {
  const what = `${method} ${target.split("?")[0]}`;
  const silence = `the agent at ${formatAddress(address)} took ${what} and has said nothing for ${(SILENCE + ANSWER) / 1000} s`;
  const open = method === "GET" ? "" : "; whether it was done is not known";
  return new AppError("timeout", `${silence}${open}`, {
    hint: "it hangs or was stopped: look at its log and restart it; machines run on meanwhile",
  });
}
