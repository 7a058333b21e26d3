import { escapeControls } from "./text.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes lines `time [LEVEL] name: message: key=value …`, the order that Nomad's logs have. */
export interface Log {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines carry `name` behind this one's. */
  named(name: string): Log;
}

/**
 * @param level the least that is written; a function is asked each time.
 * @param write takes one finished line without its newline, and its level.
 */
export function createLog(
  level: LogLevel | (() => LogLevel),
  write: (line: string, level: LogLevel) => void,
  name = "paddock",
): Log {
  const leastNow = typeof level === "string" ? () => level : level;
  const line = (at: LogLevel, message: string, fields: LogFields = {}): void => {
    if (LOG_LEVELS.indexOf(at) < LOG_LEVELS.indexOf(leastNow())) return;
    const tail = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${quoteField(String(value))}`)
      .join("");
    write(
      `${new Date().toISOString()} [${at.toUpperCase()}] ${name}: ${escapeControls(message)}${tail ? `:${tail}` : ""}`,
      at,
    );
  };
  return {
    trace: (message, fields) => line("trace", message, fields),
    debug: (message, fields) => line("debug", message, fields),
    info: (message, fields) => line("info", message, fields),
    warn: (message, fields) => line("warn", message, fields),
    error: (message, fields) => line("error", message, fields),
    named: (child) => createLog(level, write, `${name}.${child}`),
  };
}

/** A log that says nothing, for tests and commands that have no agent. */
export const silentLog: Log = createLog("error", () => undefined);

function quoteField(text: string): string {
  const safe = escapeControls(text);
  return /^[^\s"=]+$/.test(safe) ? safe : `"${safe.replaceAll('"', '\\"')}"`;
}
