import type { Context, Hono } from "hono";
import type { Clock } from "../base/clock.ts";
import { AppError, errorText } from "../base/errors.ts";
import { HEARTBEAT_FRAME, writeLogFrames } from "../contract/log-frame.ts";
import type { LogChunk } from "../logs/chunk.ts";
import { readHeaders } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { findTask } from "./machines.ts";
import { countParam, flagParam, pathParam, timeParam, wordParam } from "./query.ts";

/** Milliseconds of silence after which a followed stream of frames says that it is alive, as in Nomad. */
const HEARTBEAT = 1_000;

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

interface Streaming {
  readonly encode: (chunk: LogChunk) => Uint8Array;
  /** Sent first and after each second of silence; undefined for none. */
  readonly heartbeat: Uint8Array | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Ends the reading, wherever it waits. */
  readonly stop: () => void;
  readonly onError: (error: unknown) => void;
}

type Chunks = AsyncIterator<LogChunk>;
type NextChunk = IteratorResult<LogChunk>;

/** Chunks as the body of a reply: read only as fast as the client takes them, closed when it goes away or `signal` aborts. */
function streamChunks(chunks: Chunks, first: NextChunk | undefined, streaming: Streaming): ReadableStream<Uint8Array> {
  let pending: Promise<NextChunk> | undefined = first && Promise.resolve(first);
  const release = (): void => {
    chunks.return?.().catch(streaming.onError);
  };
  streaming.signal.addEventListener("abort", release, { once: true });
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    pending ??= chunks.next();
    const next = await withHeartbeat(pending, streaming);
    if (next === SILENCE) return controller.enqueue(streaming.heartbeat ?? new Uint8Array());
    pending = undefined;
    return next.done === true ? controller.close() : controller.enqueue(streaming.encode(next.value));
  };
  return new ReadableStream<Uint8Array>(
    {
      // Bun sends the head of a reply with its first bytes: without these a client would not learn that the silent log is there.
      start: (controller) => streaming.heartbeat && controller.enqueue(streaming.heartbeat),
      pull: (controller) =>
        pull(controller).catch((error) => {
          // Whoever has left is told nothing any more.
          if (streaming.signal.aborted) return;
          streaming.onError(error);
          controller.error(new Error("the log could not be read any further"));
        }),
      cancel: () => streaming.stop(),
    },
    // Without a buffer of its own nothing is opened before somebody reads.
    { highWaterMark: 0 },
  );
}

const SILENCE = Symbol("silence");

async function withHeartbeat(pending: Promise<NextChunk>, streaming: Streaming): Promise<NextChunk | typeof SILENCE> {
  if (streaming.heartbeat === undefined) return await pending;
  let cancel: () => void = () => undefined;
  const silence = new Promise<typeof SILENCE>((resolve) => {
    cancel = streaming.clock.after(HEARTBEAT, () => resolve(SILENCE));
  });
  try {
    return await Promise.race([pending, silence]);
  } finally {
    cancel();
  }
}
