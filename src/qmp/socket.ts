import { createConnection, type Socket } from "node:net";
import { systemClock } from "../base/clock.ts";
import { errnoOf } from "../base/errors.ts";

/**
 * One attempt to connect to a unix socket, ended after `millis` and by the signal. Never rejects.
 * @returns the socket, or the code of the error: `ENOENT`, `ECONNREFUSED`, `ETIMEDOUT`, `ECANCELED`, …
 */
export function tryConnect(path: string, millis: number, signal: AbortSignal | undefined): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const finish = (outcome: Socket | string): void => {
      cancel();
      signal?.removeEventListener("abort", giveUp);
      socket.removeListener("connect", connected);
      if (typeof outcome === "string") socket.destroy();
      else socket.removeListener("error", failed);
      resolve(outcome);
    };
    const connected = (): void => finish(socket);
    const failed = (error: Error): void => finish(errnoOf(error) ?? "unknown error");
    const giveUp = (): void => finish("ECANCELED");
    const cancel = systemClock.after(millis, () => finish("ETIMEDOUT"));
    socket.once("connect", connected);
    // Stays after a failure: a socket without an error listener throws into the process.
    socket.on("error", failed);
    signal?.addEventListener("abort", giveUp, { once: true });
  });
}
