import { AppError } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";
import { type Checksum, formatChecksum } from "../../cache/checksum.ts";
import { patiently } from "../download/patience.ts";
import { DEFAULT_RETRY, type Retry, type RetryRule } from "../download/retry.ts";
import { createWatchdog } from "../download/watchdog.ts";
import { artifactError, networkError, PassingTrouble } from "../failure.ts";
import type { ArtifactPlan } from "../plan.ts";
import { findChecksum } from "./checksum-file.ts";
import { openHttpSource } from "./http.ts";
import { readLocalText } from "./local-file.ts";
import type { SourcePlan } from "./plan.ts";

export interface ReadChecksumOptions {
  readonly signal: AbortSignal;
  readonly onRetry: (retry: Retry) => void;
  readonly tell: (message: string) => void;
  readonly retry?: RetryRule;
  readonly stallMillis?: number;
}

/** Longest file of checksums that is read: a distribution's largest has some 100 kB. */
const LONGEST = 4 << 20;

const STALL_MILLIS = 60_000;

/**
 * Asks for the checksum of an artifact whose job names a file of them; others stay as they are.
 * @returns the plan with its checksum.
 * @throws AppError `fetch`.
 */
export async function settleChecksum(plan: ArtifactPlan, options: ReadChecksumOptions): Promise<ArtifactPlan> {
  const { checksumFile } = plan;
  if (checksumFile === null || plan.checksum !== null) return plan;
  const { from, names } = checksumFile;
  const patience = { ...options, retry: options.retry ?? DEFAULT_RETRY };
  const text =
    from.via.kind === "file"
      ? readLocalText(from, LONGEST)
      : await patiently(
          patience,
          () => artifactError(from.source, "cancelled"),
          () => fetchText(from, options),
        );
  const checksum: Checksum | undefined = findChecksum(text, names);
  if (checksum === undefined) {
    throw artifactError(plan.source, `no checksum of ${JSON.stringify(names[0])} is in ${from.source}`, HINT);
  }
  options.tell(`${from.source} says of ${names[0]}: ${formatChecksum(checksum)}`);
  return { ...plan, checksum };
}

const HINT = 'a line of it must be as sha256sum writes it; or write the checksum itself: checksum = "sha256:…"';

async function fetchText(
  from: SourcePlan,
  { signal, stallMillis = STALL_MILLIS }: ReadChecksumOptions,
): Promise<string> {
  const ended = new AbortController();
  const watchdog = createWatchdog(stallMillis, () => {
    ended.abort(new PassingTrouble(from.source, `no byte came for ${stallMillis / 1000} s`));
  });
  const either = AbortSignal.any([signal, ended.signal]);
  try {
    watchdog.arm();
    const source = await openHttpSource(from, { beginning: null, known: null }, either);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of source?.stream ?? []) {
      watchdog.arm();
      bytes += chunk.length;
      if (bytes > LONGEST) {
        throw artifactError(from.source, `expected a file of checksums, found more than ${formatBytes(LONGEST)}`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } catch (error) {
    if (either.aborted) throw either.reason;
    throw error instanceof AppError ? error : networkError(from.source, error);
  } finally {
    watchdog.disarm();
    ended.abort(artifactError(from.source, "finished"));
  }
}
