import { connect, type Socket } from "node:net";
import type { Probe, ProbeResult } from "../allocation/check.ts";
import { delay, monotonicMillis, systemClock } from "../base/clock.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import { escapeControls } from "../base/text.ts";
import { formatDuration, MILLISECOND } from "../base/units.ts";
import { parseUserNetwork } from "../qmp/user-network.ts";

export interface ProbeOptions {
  readonly timeoutMillis: number;
  /** Gives up: the machine is no longer to be asked. */
  readonly signal: AbortSignal;
}

export interface TcpOptions extends ProbeOptions {
  /** QEMU's own words about its user network, as `infoUserNetwork` has them. Rejects when its monitor does not answer. */
  readonly userNetwork: () => Promise<string>;
}

/** Pauses between two looks at QEMU's user network, in milliseconds; the last one is repeated. */
const LOOKS = [2, 10, 20, 50, 100, 250];

/**
 * Whether a service of a guest takes TCP connections.
 *
 * A connection to a forwarded port says nothing by itself: QEMU's user network takes it before it asks the guest. Measured on QEMU
 * 7.2 with a Linux guest: a connection that the guest takes is ESTABLISHED in `info usernet` within 1 to 4 ms and may stay silent
 * for ever; one that it refuses is closed, without a byte, within 0.6 to 1.4 ms; and while no guest is there, or it hangs, it stays
 * open in SYN_SENT for 75 s, and for as long in QEMU after we have closed it. So QEMU is asked what became of the newest connection
 * to the port, until it is settled: another client's that is newer than ours tells the same. A service that takes connections and
 * closes them at once counts as alive; it is told from a refusal by its CLOSE_WAIT, which stays as long as our side is open.
 * A port that QEMU does not forward is a process's own, and taking the connection is proof.
 */
export async function probeTcp(
  { host, port }: Extract<Probe, { type: "tcp" }>,
  { timeoutMillis, signal, userNetwork }: TcpOptions,
): Promise<ProbeResult> {
  const end = monotonicMillis() + timeoutMillis;
  const socket = connect({ host, port, allowHalfOpen: true });
  const seen = { spoke: false, ended: false };
  socket.on("data", () => {
    seen.spoke = true;
    socket.pause();
  });
  for (const event of ["end", "close", "error"]) socket.on(event, () => (seen.ended = true));
  try {
    const problem = await untilConnected(socket, timeoutMillis, signal);
    if (problem !== undefined) return failure(problem);
    for (let look = 0, settled = 0; ; look++) {
      await delay(LOOKS[Math.min(look, LOOKS.length - 1)] ?? 0);
      if (seen.spoke) return OK;
      const left = end - monotonicMillis();
      if (signal.aborted || left <= 0) return failure(`the guest did not answer within ${span(timeoutMillis)}`);
      // Taken before the question: what is closed while QEMU answers is looked at again.
      const { ended } = seen;
      const verdict = judge(await within(userNetwork(), left), port, ended);
      if (verdict === "refused") return failure("the guest refused the connection");
      // A connection that QEMU has not taken yet is not in its first answer, but an older one may be.
      settled = verdict === "taken" ? settled + 1 : 0;
      if (settled === 2 || verdict === "direct") return OK;
    }
  } catch (error) {
    return failure(`whether the guest took the connection is not known: ${errorText(error)}`);
  } finally {
    socket.destroy();
  }
}

const OK: ProbeResult = { success: true, output: "tcp ok", statusCode: 0 };

const failure = (why: string): ProbeResult => ({ success: false, output: escapeControls(why), statusCode: 0 });

/** A length of time in milliseconds, for people. */
const span = (millis: number): string => formatDuration(millis * MILLISECOND);

type Verdict = "taken" | "refused" | "waiting" | "direct";

function judge(network: string, port: number, ended: boolean): Verdict {
  const rows = parseUserNetwork(network).filter(({ hostPort }) => hostPort === port);
  if (!rows.some(({ state }) => state === "HOST_FORWARD")) return "direct";
  const newest = rows.find(({ state }) => state !== "HOST_FORWARD")?.state;
  if (ended) return newest === "CLOSE_WAIT" ? "taken" : "refused";
  return newest === undefined || newest === "SYN_SENT" ? "waiting" : "taken";
}

/** @returns why there is no connection, undefined when there is one. */
function untilConnected(socket: Socket, millis: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const finish = (problem: string | undefined): void => {
      cancel();
      signal.removeEventListener("abort", giveUp);
      resolve(problem);
    };
    const giveUp = (): void => finish("given up");
    const cancel = systemClock.after(millis, () => finish(`no connection within ${span(millis)}`));
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("connect", () => finish(undefined));
    socket.once("error", (error) => finish(`no connection: ${errnoOf(error) ?? errorText(error)}`));
  });
}

/** @throws when the promise rejects or takes longer. */
function within<T>(promise: Promise<T>, millis: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(millis, () => reject(new Error("QEMU's monitor did not answer in time")));
    promise.then(resolve, reject).finally(cancel);
  });
}
