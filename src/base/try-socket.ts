import { statSync } from "node:fs";
import { errnoOf } from "./errors.ts";

/**
 * Looks whether somebody answers at a unix socket, and hangs up.
 * @returns undefined when somebody does, else the system error's name: `ENOENT`, `ECONNREFUSED` for a socket that nobody listens at,
 * `ENOTSOCK` for what is none.
 */
export async function trySocket(path: string): Promise<string | undefined> {
  // Loaded when it is needed: it costs every command some milliseconds.
  const { connect } = await import("node:net");
  const code = await new Promise<string | undefined>((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(undefined);
    });
    socket.once("error", (error) => done(errnoOf(error) ?? error.message));
  });
  return code === "ECONNREFUSED" ? refusedBecause(path) : code;
}

/** Linux refuses a connection to a file with the word that it has for a socket without a listener, and Bun one below a file, too. */
function refusedBecause(path: string): string {
  try {
    return statSync(path).isSocket() ? "ECONNREFUSED" : "ENOTSOCK";
  } catch (error) {
    return errnoOf(error) ?? "ECONNREFUSED";
  }
}
