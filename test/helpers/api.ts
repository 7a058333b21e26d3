import { expect } from "bun:test";
import * as v from "valibot";
import { type Api, createApi } from "../../src/api/app.ts";
import type { Log } from "../../src/base/log.ts";
import { createMonitoredLog } from "../../src/base/log-monitor.ts";
import { heldToContract } from "./contract.ts";
import { createFakeAgent, type FakeAgent } from "./fake-agent.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

/** The API over a fake agent, called without a port. What it answers has to be as its route is described. */
export interface TestApi {
  readonly agent: FakeAgent;
  readonly api: Api;
  readonly clock: ManualClock;
  /** Every line that was logged. */
  readonly log: readonly string[];
  /** The log itself. */
  readonly say: Log;
  /** Tells the API that the agent stops. */
  readonly stopping: AbortController;
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** The body of a 200, which must be of the schema and have nothing besides. */
  read<S extends v.GenericSchema>(schema: S, path: string): Promise<v.InferOutput<S>>;
  write<S extends v.GenericSchema>(schema: S, method: string, path: string, body?: unknown): Promise<v.InferOutput<S>>;
}

export function testApi(): TestApi {
  const clock = manualClock();
  const agent = createFakeAgent(clock);
  const stopping = new AbortController();
  const lines: string[] = [];
  const { log, monitor } = createMonitoredLog("debug", (line) => lines.push(line));
  const api = heldToContract(
    createApi(agent, {
      log,
      monitor,
      version: "1.2.3",
      httpAddress: "127.0.0.1:4646",
      stopping: stopping.signal,
      clock,
    }),
  );
  const send: TestApi["send"] = (method, path, body, headers = {}) => {
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    return api.fetch(
      new Request(`http://localhost${path}`, { method, headers, ...(text === undefined ? {} : { body: text }) }),
    );
  };
  const write: TestApi["write"] = async (schema, method, path, body) =>
    await parseReply(schema, await send(method, path, body));
  return {
    agent,
    api,
    clock,
    log: lines,
    say: log,
    stopping,
    send,
    write,
    read: (schema, path) => write(schema, "GET", path),
  };
}

/** The body of a reply, which must be a 200 of the schema and have nothing that the schema does not tell. */
export async function parseReply<S extends v.GenericSchema>(schema: S, reply: Response): Promise<v.InferOutput<S>> {
  const text = await reply.text();
  expect({ status: reply.status, text }).toEqual({ status: 200, text });
  const body: unknown = JSON.parse(text);
  const parsed = v.parse(schema, body);
  expect<unknown>(body).toEqual(parsed);
  return parsed;
}

/** Status and lines of a reply that is an error. */
export async function refusalOf(reply: Response): Promise<{ status: number; lines: string[] }> {
  expect(reply.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  return { status: reply.status, lines: (await reply.text()).split("\n") };
}
