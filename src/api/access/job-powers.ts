import type { Context } from "hono";
import { powersOf } from "../../agent/powers.ts";
import { AppError } from "../../base/errors.ts";
import type { Job } from "../../job/job.ts";
import { besideOf } from "./caller.ts";

/** Most parts of a job that a refusal names. */
const MOST = 10;

/**
 * Lets a job be run by whoever may do to the host what it can do.
 * @throws AppError `forbidden` that names each part of the job for which the role admin is needed.
 */
export function assertMayRun(c: Context, job: Job): void {
  const { caller } = besideOf(c);
  if (caller.kind === "host" || caller.token.role === "admin") return;
  const powers = powersOf(job);
  if (powers.length === 0) return;
  const lines = powers.slice(0, MOST).map(({ where, why }) => `  ${where} ${why}`);
  const more = powers.length > MOST ? [`  and ${powers.length - MOST} more`] : [];
  const what = `Permission denied: job "${job.id}" needs the role admin, and this token has the role ${caller.token.role}:`;
  throw new AppError("forbidden", [what, ...lines, ...more].join("\n"), {
    hint: "leave these out, or run it with a token of the role admin or on the host itself",
  });
}
