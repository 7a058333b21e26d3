import { type Clock, systemClock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { findListener } from "../node/socket-holder.ts";
import { type Address, formatAddress } from "./address.ts";
import type { ApiRequest } from "./request.ts";

/** Milliseconds of silence after which an agent is asked whether it lives. A full disk or a long removal makes it slow, and no more. */
const SILENCE = { first: 4_000, later: 10_000 } as const;
/** Milliseconds that it has to say so, before whoever waits is told: any answer will do. */
const ANSWER = 2_000;
/** Milliseconds until it is given up after that. */
const PATIENCE = 9_000;
/** Milliseconds that the reply to a change has when whoever waits has had enough: without it nobody knows whether it was done. */
const LEAVE = 1_000;

/** Tells whoever waits. */
export type Tell = (text: string) => void;

/** Sends a request and resolves when its reply begins. */
type Send = (address: Address, request: ApiRequest) => Promise<Response>;

/**
 * Waits for what the agent is asked for as long as it lives: one that was stopped or hangs takes connections and answers none.
 * @param work gets the request with a signal that aborts then.
 * @param send asks it whether it lives.
 * @param tell is told once, in words for people, that it does not say so, while it is waited for further.
 * @param interrupt aborts when whoever waits has had enough; a change has a moment yet for its reply.
 * @throws AppError `timeout` when it does not; the interrupt's reason; what `work` throws.
 */
export async function whileItLives<T>(
  address: Address,
  request: ApiRequest,
  work: (request: ApiRequest) => Promise<T>,
  {
    send,
    clock = systemClock,
    tell = () => undefined,
    interrupt,
  }: {
    readonly send: Send;
    readonly clock?: Clock | undefined;
    readonly tell?: Tell | undefined;
    readonly interrupt?: AbortSignal | undefined;
  },
): Promise<T> {
  const given = request.signal === undefined ? [] : [request.signal];
  const [hung, done] = [new AbortController(), new AbortController()];
  let cancel = (): void => undefined;
  let [told, cancelLeave] = [false, (): void => undefined];
  const giveUp = (): void => hung.abort(interrupt?.reason);
  const giveUpChange = (): void => {
    tell(`${openText(request)}: look with paddock status once the agent answers`);
    giveUp();
  };
  const leave = (): void => {
    if (isChange(request)) cancelLeave = clock.after(LEAVE, giveUpChange);
    else giveUp();
  };
  const wait = (silence: number): void => {
    cancel = clock.after(silence, () => question(silence));
  };
  const question = (silence: number): void => {
    cancel = clock.after(ANSWER, () => {
      if (!told) tell(`the agent at ${formatAddress(address)} does not answer; waiting${processText(address)}`);
      told = true;
      cancel = clock.after(PATIENCE, () => hung.abort(hangs(address, request, silence + ANSWER + PATIENCE)));
    });
    send(address, { target: "/v1/agent/health", signal: AbortSignal.any([hung.signal, done.signal]) })
      .then((response) => response.body?.cancel())
      // One that has died has closed the connection of the request itself, and that says more.
      .catch(() => undefined)
      .finally(() => {
        cancel();
        if (!hung.signal.aborted && !done.signal.aborted) wait(SILENCE.later);
      });
  };
  wait(SILENCE.first);
  if (interrupt?.aborted) leave();
  else interrupt?.addEventListener("abort", leave, { once: true });
  try {
    return await work({ ...request, signal: AbortSignal.any([...given, hung.signal]) });
  } finally {
    interrupt?.removeEventListener("abort", leave);
    cancelLeave();
    cancel();
    done.abort();
  }
}

function hangs(address: Address, { method = "GET", target }: ApiRequest, millis: number): AppError {
  const what = `${method} ${target.split("?")[0]}`;
  const silence = `the agent at ${formatAddress(address)} took ${what} and has said nothing for ${millis / 1000} s`;
  const open = isChange({ method, target }) ? "; whether it was done is not known" : "";
  return new AppError("timeout", `${silence}${open}`, {
    hint: `it hangs or was stopped${processText(address)}: look at its log and restart it; machines run on meanwhile`,
  });
}

const isChange = ({ method = "GET" }: ApiRequest): boolean => method !== "GET";

const openText = ({ method, target }: ApiRequest): string =>
  `whether ${method} ${target.split("?")[0]} was done is not known`;

const STATES: Readonly<Record<string, (pid: number) => string>> = {
  T: (pid) => `is stopped, and goes on after: kill -CONT ${pid}`,
  t: () => "is stopped by a debugger",
  D: () => "waits for a disk",
  Z: () => "has ended, and its parent does not take notice",
};

/** Which process is silent, where that can be found out. */
function processText(address: Address): string {
  const listener = address.kind === "unix" ? findListener(address.path) : undefined;
  if (listener === undefined) return "";
  const { pid, state } = listener;
  return ` (process ${pid}${state in STATES ? ` ${STATES[state]?.(pid)}` : ""})`;
}
