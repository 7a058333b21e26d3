import { createConnection, type Socket } from "node:net";
import { systemClock } from "../base/clock.ts";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import { pinSocket } from "../base/pinned-socket.ts";

export interface Attempt {
  /** Ends it after so many milliseconds. */
  readonly millis: number;
  readonly signal: AbortSignal | undefined;
  /** The uid that must have made the socket; whoever made it when left out. */
  readonly owner: number | undefined;
}

/**
 * One attempt to connect to a unix socket of a machine: to the very socket that its owner made. Never rejects.
 * @returns the socket, or the code of the error: `ENOENT`, `ECONNREFUSED`, `ETIMEDOUT`, `ECANCELED`, …
 */
export async function tryConnect(path: string, attempt: Attempt): Promise<Socket | string> {
  if (attempt.owner === undefined) return await connectTo(path, attempt);
  try {
    const pinned = pinSocket(path, attempt.owner);
    return await connectTo(pinned.path, attempt).finally(() => pinned.release());
  } catch (error) {
    return error instanceof AppError ? error.message : (errnoOf(error) ?? errorText(error));
  }
}

function connectTo(path: string, { millis, signal }: Attempt): Promise<Socket | string> {
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
