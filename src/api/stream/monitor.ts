import { Buffer } from "node:buffer";
import type { Context, Hono } from "hono";
import { errorText } from "../../base/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../../base/log.ts";
import type { LogMonitor } from "../../base/log-monitor.ts";
import { HEARTBEAT_FRAME } from "../../contract/log-frame.ts";
import { writeMonitorFrame } from "../../contract/monitor.ts";
import { readHeaders } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { flagParam, wordParam } from "../query.ts";
import { streamChunks } from "./chunks.ts";

/** Lines that wait for a reader at most; of what is beyond only the number is told. */
const MOST_WAITING = 512;

/** `GET /v1/agent/monitor`: the agent's own log, from now on. */
export function addMonitorRoute(app: Hono, context: ApiContext): void {
  app.get("/v1/agent/monitor", (c) => replyMonitor(c, context));
}

function replyMonitor(c: Context, context: ApiContext): Response {
  const level = wordParam(c, "log_level", LOG_LEVELS, "info");
  const plain = flagParam(c, "plain");
  const headers = {
    ...readHeaders(context),
    "content-type": plain ? "text/plain; charset=utf-8" : "application/json",
    "x-content-type-options": "nosniff",
  };
  const watching = new AbortController();
  const signal = AbortSignal.any([watching.signal, c.req.raw.signal, context.stopping]);
  const utf8 = new TextEncoder();
  const body = streamChunks(watch(context.monitor, level, signal), undefined, {
    encode: (lines) => (plain ? Buffer.from(lines) : utf8.encode(writeMonitorFrame(lines))),
    // Bun sends the head of a reply with its first bytes.
    heartbeat: plain ? new Uint8Array() : utf8.encode(HEARTBEAT_FRAME),
    clock: context.clock,
    signal,
    stop: () => watching.abort(),
    onError: (error) => context.log.warn("a look at the log broke off", { error: errorText(error) }),
  });
  return new Response(body, { headers });
}

/** The lines of a log as they come, several at a time when they come faster than they are read. */
async function* watch(monitor: LogMonitor, level: LogLevel, signal: AbortSignal): AsyncGenerator<string> {
  let waiting: string[] = [];
  let dropped = 0;
  let wake: () => void = () => undefined;
  const end = monitor.watch(level, (line) => {
    if (waiting.length < MOST_WAITING) waiting.push(line);
    else dropped++;
    wake();
  });
  const stop = (): void => wake();
  signal.addEventListener("abort", stop);
  try {
    while (!signal.aborted) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const lines = dropped === 0 ? waiting : [...waiting, droppedText(dropped)];
      [waiting, dropped] = [[], 0];
      yield `${lines.join("\n")}\n`;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    end();
  }
}

const droppedText = (count: number): string =>
  `${new Date().toISOString()} [WARN] paddock.monitor: lines were left out because nobody read them: count=${count}`;
