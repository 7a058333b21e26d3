import { createLog, LOG_LEVELS, type Log, type LogLevel } from "./log.ts";

/** Lets people look at a log while it is written. */
export interface LogMonitor {
  /**
   * Calls a listener with each line of at least a level, also of levels that are not written otherwise; it must not log.
   * @returns a function that ends it.
   */
  watch(level: LogLevel, listener: (line: string) => void): () => void;
}

/**
 * A log that can be looked at. What nobody looks at and nobody prints is not even made.
 * @param level the least that is printed.
 */
export function createMonitoredLog(
  level: LogLevel,
  print: (line: string, level: LogLevel) => void,
): { readonly log: Log; readonly monitor: LogMonitor } {
  const watchers = new Set<{ readonly least: number; readonly listener: (line: string) => void }>();
  const printed = LOG_LEVELS.indexOf(level);
  let least = printed;
  const look = (): void => {
    least = Math.min(printed, ...[...watchers].map((watcher) => watcher.least));
  };
  const write = (line: string, at: LogLevel): void => {
    const rank = LOG_LEVELS.indexOf(at);
    if (rank >= printed) print(line, at);
    for (const watcher of watchers) if (rank >= watcher.least) watcher.listener(line);
  };
  return {
    log: createLog(() => LOG_LEVELS[least] ?? level, write),
    monitor: {
      watch: (from, listener) => {
        const watcher = { least: LOG_LEVELS.indexOf(from), listener };
        watchers.add(watcher);
        look();
        return () => {
          watchers.delete(watcher);
          look();
        };
      },
    },
  };
}

/** A log's monitor where there is nothing to see. */
export const NO_MONITOR: LogMonitor = { watch: () => () => undefined };
