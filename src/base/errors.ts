/**
 * Stable codes of every failure that this program explains to a person. The edges look up HTTP status and exit code by it
 * (`src/api/errors.ts`, `src/cli/exit.ts`), so no other place maps failures to numbers.
 */
export type ErrorCode =
  | "invalid" // what was submitted or configured is wrong
  | "unplaceable" // it is right, but does not fit this node
  | "forbidden" // whoever asks may not
  | "not_found"
  | "conflict" // busy port, image in use, second agent, wrong state
  | "unavailable" // no agent, agent stopping, QEMU missing
  | "unsupported" // a word of Nomad's that means nothing here or is not there yet
  | "fetch" // an artifact could not be fetched
  | "image" // an image was refused
  | "timeout"
  | "internal";

export interface AppErrorOptions {
  /** What the reader can do about it; printed on a line of its own. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A failure with a text for people: what failed, which field or path, what was expected and what was found; lower case, no full
 * stop, no secret.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, for logs and messages; never a stack. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a system error such as `ENOENT`, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What to say of a file that cannot be read. @param what names it: its path, or what it is with its path. */
export function unreadable(what: string, error: unknown): AppError {
  const code = errnoOf(error);
  const why = (code === undefined ? undefined : WHY_UNREADABLE[code]) ?? code ?? errorText(error);
  return new AppError(code === "ENOENT" ? "not_found" : "invalid", `cannot read ${what}: ${why}`, { cause: error });
}

const WHY_UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
};

/** For the branch of a switch that the types rule out. @throws always. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
