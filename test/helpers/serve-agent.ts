import type { Agent } from "../../src/agent/agent.ts";
import { createApi } from "../../src/api/app.ts";
import { MAX_REQUEST_BYTES } from "../../src/api/validate.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { fetchUnix } from "../../src/runtime/fetch.ts";
import { serveUnix } from "../../src/runtime/serve.ts";

/** The API over an agent, on a real unix socket. */
export interface ServedAgent extends AsyncDisposable {
  readonly socket: string;
  fetch(target: string, init?: Parameters<typeof fetchUnix>[2]): Promise<Response>;
  /** Ends what waits and follows, and closes the server. */
  close(): Promise<void>;
}

/** @param socket a path that is free. */
export async function serveAgent(agent: Agent, socket: string, clock: Clock = systemClock): Promise<ServedAgent> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const api = createApi(agent, { log: silentLog, version: "1.2.3", httpAddress: "", stopping: signal, clock });
  const server = await serveUnix(socket, api.fetch, 2 * MAX_REQUEST_BYTES);
  const close = async (): Promise<void> => {
    stopping.abort();
    await server.stop();
  };
  return {
    socket,
    fetch: (target, init) => fetchUnix(socket, target, init),
    close,
    [Symbol.asyncDispose]: close,
  };
}
