import type { Context } from "hono";
import { AppError, type ErrorCode, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { escapeControls } from "../base/text.ts";

/** The HTTP statuses that errors are answered with. */
export type ErrorStatus = 400 | 403 | 404 | 405 | 409 | 413 | 426 | 429 | 500 | 501 | 503 | 504;

/** The one table from the code of a failure to the status of its reply. */
const STATUS: Readonly<Record<ErrorCode, ErrorStatus>> = {
  invalid: 400,
  unsupported: 400,
  forbidden: 403,
  not_found: 404,
  unplaceable: 409,
  conflict: 409,
  fetch: 500,
  image: 500,
  internal: 500,
  unavailable: 503,
  timeout: 504,
};

/** A reply in Nomad's shape for errors: a status and plain text; hints stand on lines of their own behind the message. */
export function errorReply(status: ErrorStatus, message: string, hint?: string): Response {
  const text = [message, ...(hint === undefined ? [] : hint.split("\n").map((line) => `hint: ${line}`))].join("\n");
  return new Response(escapeControls(text, true), {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  });
}

/**
 * Answers whatever a handler threw. Only an `AppError` is meant for the reader; of anything else, and of what went wrong inside, the
 * reply says nothing and the log all.
 */
export function answerError(error: Error, c: Context, log: Log): Response {
  if (error instanceof AppError && error.code !== "internal") {
    return errorReply(STATUS[error.code], error.message, error.hint);
  }
  log.error("request failed", { method: c.req.method, path: c.req.path, error: errorText(error), stack: error.stack });
  return errorReply(STATUS.internal, "internal error", "the agent's log has the details");
}
