import { logTimes, taskLog } from "../paths.ts";
import type { LogChunk } from "./chunk.ts";
import { logIndexes, lstat } from "./files.ts";
import { isBefore, type LogTime, readTimes } from "./moments.ts";
import type { LogPosition, ReadableLog } from "./stretch.ts";

/** A time is inferred when nobody looked at the log for longer than this before, in milliseconds: looks are 3 s apart. */
const KNOWN_WITHIN = 7_000;

/** What is known of when a log was written. */
export interface LogTimes {
  /** False when no moments were kept, so that there is only what its files say. */
  readonly kept: boolean;
  /** In the order of their places. */
  readonly times: readonly LogTime[];
  /** The first of them that is not one of a look. */
  readonly unlooked: number;
}

/**
 * The moments that were kept of a log, and behind them those at which its files were written last.
 * @param since when its task was placed, in milliseconds since 1970: nothing is older.
 */
export function findTimes(log: ReadableLog, since: number): LogTimes {
  const { dirs, task, type } = log;
  const kept = readTimes(logTimes(dirs, task, type));
  const indexes = logIndexes(dirs, task, type);
  const times: LogTime[] = [{ at: since, index: Math.min(indexes[0] ?? 0, kept?.[0]?.index ?? 0), offset: 0 }];
  for (const time of kept ?? []) times.push(time);
  const unlooked = times.length;
  for (const index of indexes) {
    const stat = lstat(taskLog(dirs, task, type, index));
    const last = times.at(-1);
    if (!stat?.isFile() || last === undefined) continue;
    const at = Math.round(stat.mtimeMs);
    const time = { at: isJust(at, last.at) ? last.at : at, index, offset: stat.size };
    if (isBefore(last, time)) times.push(time);
  }
  return { kept: kept !== null, times, unlooked };
}

/** The clock that files are dated by is some milliseconds behind. */
function isJust(at: number, last: number): boolean {
  return at < last && last - at < 1_000;
}

/**
 * Where what was written since a time begins, or a little before it. A clock that was set back while the log grew makes this earlier.
 * @param since milliseconds since 1970.
 */
export function findStart({ times }: LogTimes, since: number): LogPosition | null {
  const later = times.findIndex(({ at }) => at > since);
  return (later < 0 ? times.at(-1) : times[later - 1]) ?? null;
}

/**
 * Where what was written until a time ends, or a little behind it.
 * @param until milliseconds since 1970.
 * @returns null when all of it was.
 */
export function findEnd({ times }: LogTimes, until: number): LogPosition | null {
  const earlier = times.findLastIndex(({ at }) => at < until);
  return times[earlier + 1] ?? null;
}

/** Who reads a log by time. */
export interface TimeReader {
  readonly indexOf: (file: string) => number;
  /** Whether an agent looks at the log all the time, so that what it has not seen yet is new. */
  readonly isLookedAt: () => boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Cuts chunks so that each has one time, and says it. What is written while it is read has the time of now. */
export async function* addTimes(
  chunks: AsyncIterable<LogChunk>,
  known: LogTimes,
  reader: TimeReader,
): AsyncGenerator<LogChunk> {
  const { times } = known;
  let next = 0;
  for await (const { file, offset, data } of chunks) {
    const index = reader.indexOf(file);
    for (let begin = 0; begin < data.length; ) {
      const place = { index, offset: offset + begin };
      for (let time = times[next]; time !== undefined && !isBefore(place, time); time = times[next]) next++;
      const time = times[next];
      const end = time?.index === index ? Math.min(data.length, time.offset - offset) : data.length;
      const piece = { file, offset: offset + begin, data: data.subarray(begin, end) };
      yield { ...piece, time: time?.at ?? reader.now(), inferred: isInferred(known, next, reader) };
      begin = end;
    }
  }
}

function isInferred({ kept, times, unlooked }: LogTimes, number: number, { isLookedAt }: TimeReader): boolean {
  const [before, time] = [times[number - 1], times[number]];
  if (time === undefined) return false;
  if (kept && number >= unlooked && isLookedAt()) return false;
  return !kept || before === undefined || time.at - before.at > KNOWN_WITHIN;
}
