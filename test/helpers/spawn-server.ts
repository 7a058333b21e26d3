import { readFileSync } from "node:fs";
import { portAnswers } from "./ports.ts";
import type { TempDir } from "./temp.ts";
import { Hopeless, until } from "./until.ts";

/** A program that serves a port. */
export interface SpawnedServer {
  readonly pid: number;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

/**
 * Starts a server and waits until its port answers.
 * @param dir becomes the server's own: `stop` removes it.
 * @throws with what it wrote on stderr when it ends before that; the directory is gone then.
 */
export async function spawnServer(
  argv: readonly [string, ...string[]],
  { dir, port, env }: { readonly dir: TempDir; readonly port: number; readonly env?: Record<string, string> },
): Promise<SpawnedServer> {
  const errors = dir.file("stderr.log");
  const child = Bun.spawn([...argv], {
    ...(env === undefined ? {} : { env }),
    stdio: ["ignore", "ignore", Bun.file(errors)],
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
    await dir[Symbol.asyncDispose]();
  };
  try {
    await until(`${argv[0]} to answer`, () => {
      if (child.exitCode !== null) throw new Hopeless(`${argv[0]} ended: ${readFileSync(errors, "utf8")}`);
      return portAnswers(port);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid, stop };
}
