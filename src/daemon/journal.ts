import { fstatSync } from "node:fs";
import type { LogLevel } from "../base/log.ts";

/** syslog's priorities, which journald reads in front of a line (sd-daemon(3)). */
const PRIORITY: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3 };

interface Stream {
  readonly fd: number;
  write(text: string): unknown;
  on(event: "error", listener: () => void): unknown;
}

/**
 * Writes lines to a stream of this process, each with its priority where the stream leads to systemd's journal.
 * @param env where `JOURNAL_STREAM` says which file the journal's is: a stream that was redirected since is another one.
 */
export function linePrinter(
  stream: Stream,
  env: Readonly<Record<string, string | undefined>>,
): (text: string, level: LogLevel) => void {
  // A line that a full disk costs is lost. Whoever survives faults would log this one, too, and that for ever.
  stream.on("error", () => undefined);
  const marked = leadsToJournal(stream.fd, env["JOURNAL_STREAM"]);
  return (text, level) => {
    const lines = marked ? text.trimEnd().replace(/^/gm, `<${PRIORITY[level]}>`) : text;
    stream.write(`${lines}\n`);
  };
}

function leadsToJournal(fd: number, journal: string | undefined): boolean {
  if (journal === undefined) return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return journal === `${dev}:${ino}`;
}
