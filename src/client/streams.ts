import { Buffer } from "node:buffer";
import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { splitFrames } from "./frames.ts";
import { LogFrameSchema } from "./replies.ts";
import type { ApiRequest } from "./request.ts";

export interface LogOptions {
  readonly type: "stdout" | "stderr";
  readonly follow: boolean;
  /** What `offset` counts from. */
  readonly origin: "start" | "end";
  /** Bytes. */
  readonly offset: number;
  /** Begins in this file of the log, as a piece names it; `offset` counts from its start then. */
  readonly file?: string | undefined;
  /** Only what was written then, and some seconds more; milliseconds since 1970. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Every piece says when it was written. */
  readonly timestamps?: boolean;
  /** Told before the first piece of a log that is asked for by time: whether it was kept when it was written. */
  readonly onTimes?: (kept: boolean) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface LogPiece {
  readonly data: Uint8Array;
  /** The file of the log that it stands in, below the allocation directory. */
  readonly file: string | undefined;
  /** Where the piece ends in that file, in bytes. */
  readonly end: number;
  /** By when it had been written, in nanoseconds since 1970; 0 when that was not asked for. */
  readonly time: number;
  readonly inferred: boolean;
}

/** Begins what is told piece by piece: once its head is there its silence means nothing. */
export type Begin = (request: ApiRequest) => Promise<Response>;

/** The frames of a reply. @throws AppError when it breaks off; the signal's reason when it aborts. */
export async function* readFrames<T>(
  begin: Begin,
  request: ApiRequest,
  schema: v.GenericSchema<unknown, T>,
): AsyncGenerator<T> {
  const response = await begin(request);
  try {
    for await (const text of response.body === null ? [] : splitFrames(response.body)) {
      yield v.parse(schema, JSON.parse(text));
    }
  } catch (error) {
    throw brokenOff(error, request.signal);
  }
}

/** The bytes of a reply. @throws as `readFrames` does. */
export async function* readChunks(begin: Begin, request: ApiRequest): AsyncGenerator<Uint8Array> {
  const response = await begin(request);
  try {
    yield* response.body ?? [];
  } catch (error) {
    throw brokenOff(error, request.signal);
  }
}

/** Why a stream of the agent's ended before its end. */
function brokenOff(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof AppError) return error;
  return new AppError("unavailable", "the agent broke off its reply", {
    cause: error,
    hint: "look at the agent's log",
  });
}

/** The pieces of a task's log. @throws AppError `unsupported` from an agent that cannot tell times, `unavailable` when it breaks off; the signal's reason. */
export async function* readLog(
  begin: Begin,
  allocationId: string,
  task: string,
  { type, follow, origin, offset, file, since, until, timestamps, onTimes, signal }: LogOptions,
): AsyncGenerator<LogPiece> {
  const query = new URLSearchParams({ task, type, follow: String(follow), origin, offset: String(offset) });
  if (file !== undefined) query.set("file", file);
  if (since !== undefined) query.set("since", new Date(since).toISOString());
  if (until !== undefined) query.set("until", new Date(until).toISOString());
  if (timestamps === true) query.set("timestamps", "true");
  const target = `/v1/client/fs/logs/${encodeURIComponent(allocationId)}?${query}`;
  const response = await begin({ target, signal });
  if (since !== undefined || until !== undefined || timestamps === true) {
    const times = response.headers.get("x-paddock-log-times");
    if (times === null) throw new AppError("unsupported", "this agent cannot say when a log was written");
    onTimes?.(times === "kept");
  }
  if (response.body === null) return;
  try {
    for await (const text of splitFrames(response.body)) {
      const frame = v.parse(LogFrameSchema, JSON.parse(text));
      if (!frame.Data) continue;
      const place = { file: frame.File, end: frame.Offset ?? 0 };
      yield { data: Buffer.from(frame.Data, "base64"), ...place, time: frame.Time ?? 0, inferred: frame.Inferred };
    }
  } catch (error) {
    throw brokenOff(error, signal);
  }
}
