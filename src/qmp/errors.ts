import { AppError, type ErrorCode, errnoOf, errorText } from "../base/errors.ts";
import { escapeControls } from "../base/text.ts";

/**
 * What went wrong with a monitor: it answered with an error; it did not answer in time; the connection is gone or never came to
 * be; who asked gave up.
 */
export type QmpFailure = "refused" | "timed_out" | "disconnected" | "aborted";

const CODES: Readonly<Record<QmpFailure, ErrorCode>> = {
  refused: "conflict",
  timed_out: "timeout",
  disconnected: "unavailable",
  aborted: "unavailable",
};

/** More than this of a text that QEMU wrote is not passed on. */
const DESC_LIMIT = 500;

/** A command or a connection of the monitor that failed. */
export class QmpError extends AppError {
  readonly failure: QmpFailure;
  /** QEMU's error class such as `GenericError` or `CommandNotFound`; null when QEMU did not answer. */
  readonly errorClass: string | null;

  constructor(failure: QmpFailure, message: string, errorClass: string | null = null) {
    super(CODES[failure], message);
    this.name = "QmpError";
    this.failure = failure;
    this.errorClass = errorClass;
  }

  /** An error that QEMU answered, in its own words; they are cut and made harmless for a terminal, for a guest may have written them. */
  static answered(command: string, errorClass: string, desc: string): QmpError {
    const words = escapeControls(desc.slice(0, DESC_LIMIT));
    return new QmpError("refused", `${command}: QEMU answered: ${words}`, errorClass);
  }
}

/** Why a connection to a monitor is over that QEMU has closed. */
export const CLOSED_BY_QEMU = "QEMU closed the monitor";

/** Why a connection to a monitor is over that failed: a QEMU that ends with a command unread resets it. */
export function closedBy(error: Error): string {
  const errno = errnoOf(error);
  return errno === "ECONNRESET" || errno === "EPIPE" ? CLOSED_BY_QEMU : (errno ?? errorText(error));
}
