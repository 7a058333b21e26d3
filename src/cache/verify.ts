import { AppError } from "../base/errors.ts";
import { listenTo, startWorker } from "../runtime/worker.ts";
import { type Entry, lookUp } from "./entry.ts";
import { type EntryKey, formatKey } from "./key.ts";
import { setAside } from "./remove.ts";
import { identityText } from "./users.ts";
import type { FromVerifier, VerifyTask } from "./verify-messages.ts";

export type Verdict =
  | { readonly kind: "sound"; readonly bytes: number }
  /** @property setAside where it lies now; null when it was gone meanwhile. */
  | { readonly kind: "damaged"; readonly why: string; readonly setAside: string | null }
  | { readonly kind: "absent" };

export interface VerifyOptions {
  /** Ends the reading with its reason. */
  readonly signal: AbortSignal;
  /** Bytes that were read and bytes that there are. */
  readonly onProgress: (bytes: number, total: number) => void;
}

/**
 * Reads every byte of an entry again, in a Worker, and puts it aside when one is wrong; machines that use it keep it, but no other
 * gets it.
 * @param start makes the Worker; tests give their own.
 * @throws AppError `image` when it could not be read this time; the signal's reason.
 */
export async function verifyEntry(
  cache: string,
  key: EntryKey,
  options: VerifyOptions,
  start: () => Worker = () => startWorker("cache/verify-worker.ts"),
): Promise<Verdict> {
  const found = lookUp(cache, key);
  if (found.kind === "absent") return found;
  const trouble = found.kind === "damaged" ? found.why : await readUnlessGone(cache, found.entry, options, start);
  if (trouble === undefined) return ABSENT;
  if (trouble === null) return { kind: "sound", bytes: found.kind === "there" ? bytesOf(found.entry) : 0 };
  const now = lookUp(cache, key);
  // What was fetched anew meanwhile is another file.
  if (found.kind === "there" && now.kind === "there" && !isSame(found.entry, now.entry)) {
    return { kind: "damaged", why: trouble, setAside: null };
  }
  const aside = setAside(cache, key);
  // What is half removed already looks damaged.
  if (aside === undefined && found.kind === "damaged") return ABSENT;
  return { kind: "damaged", why: trouble, setAside: aside ?? null };
}

const ABSENT: Verdict = { kind: "absent" };

const isSame = (a: Entry, b: Entry): boolean => identityText(a.content) === identityText(b.content);

const bytesOf = ({ record }: Entry): number => record.bytes + (record.unpacked?.bytes ?? 0);

/** @returns what is wrong; null for nothing, undefined when the entry went meanwhile. */
async function readUnlessGone(
  cache: string,
  entry: Entry,
  options: VerifyOptions,
  start: () => Worker,
): Promise<string | null | undefined> {
  try {
    return await readAgain(entry, options, start);
  } catch (error) {
    if (options.signal.aborted) throw error;
    const now = lookUp(cache, entry.key);
    // Another one may have come in its place.
    if (now.kind === "absent" || (now.kind === "there" && !isSame(entry, now.entry))) return undefined;
    throw error;
  }
}

async function readAgain(
  entry: Entry,
  { signal, onProgress }: VerifyOptions,
  start: () => Worker,
): Promise<string | null> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<string | null>();
  const fail = (why: string): void => {
    reject(new AppError("image", `${formatKey(entry.key)} could not be read: ${why}`));
  };
  const worker = start();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  listenTo<FromVerifier>(
    worker,
    (message) => {
      if (message.kind === "progress") onProgress(message.bytes, bytesOf(entry));
      else if (message.kind === "done") resolve(message.trouble);
      else fail(message.message);
    },
    (how) => fail(`the Worker ended early (${how})`),
  );
  try {
    const { files, record, key } = entry;
    const task: VerifyTask = { files, record, checksum: { type: key.type, hex: key.hex } };
    worker.postMessage(task);
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    worker.terminate();
  }
}
