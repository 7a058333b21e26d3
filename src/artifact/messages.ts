import { AppError, type ErrorCode } from "../base/errors.ts";
import type { ArtifactPlan } from "./plan.ts";
import type { Progress } from "./progress.ts";
import type { Retry, RetryRule } from "./retry.ts";
import type { Fetched } from "./unpack.ts";

/** What the agent tells a download's Worker. */
export type ToWorker =
  | {
      readonly kind: "start";
      readonly plan: ArtifactPlan;
      readonly stallMillis: number;
      readonly retry: RetryRule;
    }
  /** `keep` leaves what is there for a later try. */
  | { readonly kind: "cancel"; readonly keep: boolean };

/** What it hears from it; `acquired` and `failed` are the last word. */
export type FromWorker =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "retry"; readonly retry: Retry }
  | { readonly kind: "acquired"; readonly acquired: Fetched }
  | { readonly kind: "failed"; readonly error: WireError };

/** An AppError as plain data: a Worker's boundary keeps no classes. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
}

/** Without its cause, which may hold secrets. */
export function packError(error: unknown): WireError {
  if (error instanceof AppError) return { code: error.code, message: error.message, hint: error.hint ?? null };
  const name = error instanceof Error ? error.name : typeof error;
  return { code: "internal", message: `the download's worker failed: ${name}`, hint: null };
}

export function unpackError(error: WireError): AppError {
  return new AppError(error.code, error.message, { hint: error.hint ?? undefined });
}
