import type { Clock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { logIndexes, lstat } from "../logs/files.ts";
import {
  appendTimes,
  changeTimes,
  forgetFiles,
  type LogTime,
  readTimes,
  shiftFile,
  timesOfLook,
} from "../logs/moments.ts";
import { type LogType, logTimes, type TaskDirs, taskLog } from "../paths.ts";

/** Moments that wait to be written together: fewer writes for a log that grows all the time. A crash makes their times inferred. */
const MOST_WAITING = 10;

export interface LogClockOptions {
  readonly log: { readonly dirs: TaskDirs; readonly task: string; readonly type: LogType };
  /** Nothing was written from the last moment that is kept to this one, in milliseconds since 1970; null when nobody knows. */
  readonly since: number | null;
  /** Milliseconds between two looks. */
  readonly every: number;
  readonly clock: Clock;
  readonly warnings: Log;
}

/**
 * Keeps when a log was written: a moment for each look at which it had grown, so that its lines can be found by time although QEMU
 * writes none. A log that does not grow costs nothing. What goes wrong is logged once and costs only times.
 */
export class LogClock {
  readonly #options: LogClockOptions;
  readonly #path: string;
  /** The newest moment that is kept; undefined before that was looked up. */
  #last: LogTime | null | undefined;
  #looked: number | null;
  #waiting: LogTime[] = [];
  #file: { readonly index: number; readonly path: string } | null = null;
  #failed = false;

  constructor(options: LogClockOptions) {
    this.#options = options;
    this.#path = logTimes(options.log.dirs, options.log.task, options.log.type);
    this.#looked = options.since;
  }

  /** Looks how far a file of the log was written. @returns its size in bytes; null when there is no regular file. */
  look(index: number | null): number | null {
    if (index === null) return null;
    const stat = this.#attempt(() => lstat(this.#pathOf(index)));
    if (!stat?.isFile()) return null;
    this.#attempt(() => this.#see(index, stat.size, stat.mtimeMs));
    return stat.size;
  }

  #see(index: number, size: number, modified: number): void {
    const { clock, every } = this.#options;
    if (this.#last === undefined) this.#last = readTimes(this.#path)?.at(-1) ?? null;
    const now = clock.now();
    const times = timesOfLook({ now, index, size, modified }, this.#last, this.#looked, every);
    this.#looked = now;
    if (times.length === 0) return;
    this.#waiting.push(...times);
    this.#last = times.at(-1) ?? this.#last;
    if (this.#waiting.length >= MOST_WAITING) this.#write();
  }

  /** Kept: every log is looked at every few seconds. */
  #pathOf(index: number): string {
    const { dirs, task, type } = this.#options.log;
    if (this.#file?.index !== index) this.#file = { index, path: taskLog(dirs, task, type, index) };
    return this.#file.path;
  }

  /** Writes down what waits, so that it can be read. */
  flush(): void {
    this.#attempt(() => this.#write());
  }

  #write(): void {
    const times = this.#waiting;
    this.#waiting = [];
    if (times.length > 0) appendTimes(this.#path, times);
  }

  /** Takes along that the log goes on in another file. @param cut bytes that were removed from the beginning of the closed one. */
  rotated(closed: number | null, cut: number): void {
    const { dirs, task, type } = this.#options.log;
    this.flush();
    this.#attempt(() => {
      if (closed !== null && cut > 0) changeTimes(this.#path, (times) => shiftFile(times, closed, cut));
      this.#last = undefined;
    });
    this.look(closed);
    this.flush();
    this.#attempt(() => {
      const [first = 0] = logIndexes(dirs, task, type);
      changeTimes(this.#path, (times) => forgetFiles(times, first));
    });
  }

  /** The directories are in the machine's hands, and no trouble with them is the agent's end. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#tell(error);
      return undefined;
    }
  }

  #tell(error: unknown): void {
    const fields = { task: this.#options.log.task, error: errorText(error) };
    if (!this.#failed) this.#options.warnings.warn("when a log was written cannot be kept", fields);
    this.#failed = true;
  }
}
