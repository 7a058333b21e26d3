import { Buffer } from "node:buffer";
import { startOfLastLines } from "../../base/text.ts";
import type { Client } from "../../client/client.ts";
import type { LogOptions, LogPiece } from "../../client/streams.ts";
import { createConsoleText } from "../console/text.ts";
import type { TaskOf } from "../names.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { formatStamp } from "../terminal/time.ts";

export interface LogWish {
  readonly terminal: Terminal;
  readonly type: "stdout" | "stderr";
  readonly follow: boolean;
  /** Only the last lines; undefined for the whole log. */
  readonly lines?: number | undefined;
  /** Only the last bytes. */
  readonly bytes?: number | undefined;
  /** Only what was written then, in milliseconds since 1970. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** Each line begins with when it was written. */
  readonly timestamps?: boolean;
  readonly signal: AbortSignal;
  /** Bytes as they are, rather than text that is fit for a terminal. */
  readonly raw: boolean;
  /** Looked at with each piece of text: true ends a followed log. */
  readonly enough?: (text: string) => boolean;
}

/**
 * Prints a task's log as it is, or as it grows.
 * @throws AppError as the client does, or the signal's reason.
 */
export async function printLog(client: Client, { allocation, task }: TaskOf, wish: LogWish): Promise<void> {
  const { terminal, type, follow, lines, bytes, since, until, timestamps = false, signal, raw, enough } = wish;
  const toText = createConsoleText();
  const stamp = timestamps ? createStamper() : (text: string): string => text;
  const print = async (piece: LogPiece): Promise<boolean> => {
    const text = toText(piece.data);
    if (!raw) terminal.out.text(stamp(text, piece));
    else if (timestamps)
      terminal.out.raw(Buffer.from(stamp(Buffer.from(piece.data).toString("latin1"), piece), "latin1"));
    else terminal.out.raw(piece.data);
    await terminal.drain();
    return enough?.(text) === true;
  };
  const finish = (): void => {
    if (!raw) terminal.out.text(toText());
  };
  let said = false;
  const onTimes = (kept: boolean): void => {
    if (!kept && !said) terminal.err.line({ text: "==> ", style: "bold" }, NO_TIMES);
    said = true;
  };
  const options = { type, since, until, timestamps, onTimes, signal };
  let from: { readonly file?: string | undefined; readonly offset: number } = { offset: 0 };
  if (lines !== undefined) {
    const tail = await readTail(client, { allocation, task }, lines, options);
    for (const piece of tail) if (await print(piece)) return finish();
    const last = tail.at(-1);
    from = { file: last?.file, offset: last?.end ?? 0 };
    if (!follow) return finish();
  }
  const begin = bytes === undefined ? { origin: "start" as const, ...from } : { origin: "end" as const, offset: bytes };
  for await (const piece of client.readLog(allocation.ID, task, { ...options, follow, ...begin })) {
    if (await print(piece)) break;
  }
  finish();
}

const NO_TIMES = "when this log was written was not kept; its times are those of its files";

/** Puts the time before each line that a piece begins. */
function createStamper(): (text: string, piece: LogPiece) => string {
  let begun = false;
  return (text, { time, inferred }) => {
    const prefix = `${inferred ? "~" : ""}${formatStamp(time)} `;
    let stamped = "";
    for (const line of text.split(/(?<=\n)/)) {
      if (line === "") continue;
      stamped += begun ? line : prefix + line;
      begun = !line.endsWith("\n");
    }
    return stamped;
  };
}

/** What is read of a log's end at first; doubled until it has lines enough. */
const FIRST_TAIL = 64 << 10;

/** The last lines of a log. Where the last piece ends the log goes on: rotation moves no byte within its file. */
async function readTail(
  client: Client,
  { allocation, task }: TaskOf,
  lines: number,
  options: Pick<LogOptions, "type" | "timestamps" | "onTimes" | "signal">,
): Promise<readonly LogPiece[]> {
  for (let size = FIRST_TAIL; ; size *= 2) {
    const pieces: LogPiece[] = [];
    const query = { ...options, follow: false, origin: "end", offset: size } as const;
    for await (const piece of client.readLog(allocation.ID, task, query)) pieces.push(piece);
    const data = Buffer.concat(pieces.map((piece) => piece.data));
    const start = startOfLastLines(data, lines);
    if (start !== undefined || data.length < size) return withoutFirst(pieces, start ?? 0);
  }
}

/** The last piece stays even when nothing of it does: it tells where the log ended. */
function withoutFirst(pieces: readonly LogPiece[], bytes: number): readonly LogPiece[] {
  let left = bytes;
  return pieces.flatMap((piece, number) => {
    const dropped = Math.min(left, piece.data.length);
    left -= dropped;
    const stays = dropped < piece.data.length || number === pieces.length - 1;
    return stays ? [{ ...piece, data: piece.data.subarray(dropped) }] : [];
  });
}
