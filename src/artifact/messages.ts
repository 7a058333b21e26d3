import { AppError, type ErrorCode } from "../base/errors.ts";
import type { EntryKey } from "../cache/key.ts";
import type { ProvedFile } from "./destination.ts";
import type { Progress } from "./download/progress.ts";
import type { RangeRule } from "./download/range-trial.ts";
import type { Retry, RetryRule } from "./download/retry.ts";
import type { ArtifactPlan } from "./plan.ts";
import type { Brought, UnpackedNow } from "./unpack/fetched.ts";

/** What a Worker does of an artifact. @property offline nothing goes from the cache to make room: nobody could fetch it again. */
export type Task =
  /** Into the cache. */
  | { readonly kind: "bring"; readonly plan: ArtifactPlan; readonly cache: string; readonly offline?: boolean }
  /** Looks whether the destination is the file already. */
  | { readonly kind: "prove"; readonly plan: ArtifactPlan }
  /** From the cache to the destination. @property cached it lay there before. */
  | {
      readonly kind: "place";
      readonly plan: ArtifactPlan;
      readonly cache: string;
      readonly key: EntryKey;
      readonly cached: boolean;
      readonly offline?: boolean;
    };

export type Outcome =
  | { readonly kind: "brought"; readonly brought: Brought }
  | { readonly kind: "proved"; readonly proved: ProvedFile | null }
  | { readonly kind: "placed"; readonly unpacked: UnpackedNow | null };

/** What the agent tells an artifact's Worker. */
export type ToWorker =
  | {
      readonly kind: "start";
      readonly task: Task;
      readonly stallMillis: number;
      readonly retry: RetryRule;
      readonly ranges: RangeRule;
    }
  /** `keep` leaves what is there for a later try. */
  | { readonly kind: "cancel"; readonly keep: boolean };

/** What it hears from it; `done` and `failed` are the last word. */
export type FromWorker =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "retry"; readonly retry: Retry }
  | { readonly kind: "damaged"; readonly message: string }
  | { readonly kind: "done"; readonly outcome: Outcome }
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
