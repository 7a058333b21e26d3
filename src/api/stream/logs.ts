import type { Context, Hono } from "hono";
import { AppError, errorText } from "../../base/errors.ts";
import { HEARTBEAT_FRAME, writeLogFrames } from "../../contract/log-frame.ts";
import { readHeaders } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { findTask } from "../machines.ts";
import { countParam, flagParam, pathParam, timeParam, wordParam } from "../query.ts";
import { streamChunks } from "./chunks.ts";

/** `GET /v1/client/fs/logs/:alloc`. */
export function addLogRoutes(app: Hono, context: ApiContext): void {
  app.get("/v1/client/fs/logs/:alloc", (c) => replyLog(c, context));
}

async function replyLog(c: Context, context: ApiContext): Promise<Response> {
  const { task, plain, ...query } = logQuery(c);
  const byTime = query.timestamps || query.since !== undefined || query.until !== undefined;
  const { id } = findTask(context, pathParam(c, "alloc"), task).allocation;
  const reading = new AbortController();
  const signal = AbortSignal.any([reading.signal, c.req.raw.signal, context.stopping]);
  const chunks = context.agent.readLog(id, task, { ...query, signal })[Symbol.asyncIterator]();
  // What is wrong with a log shows when it is opened. A followed one may not be there for long, so its reply begins before.
  const first = query.follow || c.req.method === "HEAD" ? undefined : await chunks.next();
  const body = streamChunks(chunks, first, {
    encode: ({ file, offset, data, ...time }) => (plain ? data : utf8.encode(writeLogFrames(file, offset, data, time))),
    heartbeat: query.follow && !plain ? utf8.encode(HEARTBEAT_FRAME) : undefined,
    clock: context.clock,
    signal,
    stop: () => reading.abort(),
    onError: (error) => context.log.warn("a log stream broke off", { alloc: id, task, error: errorText(error) }),
  });
  const type = plain ? "text/plain; charset=utf-8" : "application/json";
  return new Response(body, {
    headers: {
      ...readHeaders(context),
      ...(byTime
        ? { "x-paddock-log-times": context.agent.hasLogTimes(id, task, query.type) ? "kept" : "inferred" }
        : {}),
      "content-type": type,
      "x-content-type-options": "nosniff",
    },
  });
}

const utf8 = new TextEncoder();

function logQuery(c: Context) {
  const task = c.req.query("task");
  if (!task) throw new AppError("invalid", "query parameter task: expected the name of a task");
  const [plain, timestamps, follow] = [flagParam(c, "plain"), flagParam(c, "timestamps"), flagParam(c, "follow")];
  const until = timeParam(c, "until");
  if (plain && timestamps)
    throw new AppError("invalid", "query parameter timestamps: they stand in frames; leave plain out");
  if (follow && until !== undefined)
    throw new AppError("invalid", "query parameter until: a log is followed without it");
  return {
    task,
    type: wordParam(c, "type", ["stdout", "stderr"]),
    follow,
    origin: wordParam(c, "origin", ["start", "end"], "start"),
    offset: countParam(c, "offset", 0),
    // Not Nomad's: a reader that knows where it was goes on there, whatever was rotated meanwhile.
    file: c.req.query("file") || undefined,
    plain,
    // Neither are these.
    since: timeParam(c, "since"),
    until,
    timestamps,
  };
}
