import { constants, fsyncSync } from "node:fs";
import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { monotonicMillis } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { type ChecksumType, DEFAULT_TYPE, formatChecksum } from "./checksum.ts";
import { artifactError, diskError, networkError } from "./failure.ts";
import { type Folder, kindOf, lookAt, openFolder } from "./folder.ts";
import type { ArtifactPlan } from "./plan.ts";
import { createMeter, type Progress } from "./progress.ts";
import { createHashSink, createPartFile, type HashSink, type PartFile, type Sink } from "./sink.ts";
import { openHttpSource, type Source } from "./source.ts";
import { transfer } from "./transfer.ts";
import { createWatchdog, type Watchdog } from "./watchdog.ts";

/** A file that is there, whole and proved. */
export interface Acquired {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** `type:hex` of the file, by the type that the job asked for, else sha256. */
  readonly checksum: string;
  /** True when the file was there already with the right checksum, and nothing was fetched. */
  readonly skipped: boolean;
  readonly millis: number;
}

export interface DownloadOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Longest silence of the server; there is no limit on the whole. */
  readonly stallMillis: number;
}

/**
 * Fetches one artifact: source, then hash and part file, then proof, then the name. Blocks on the disk, so it runs in a Worker.
 * Whatever fails leaves neither a part file nor a destination that was not there before.
 * @throws AppError `fetch`.
 */
export async function download(plan: ArtifactPlan, options: DownloadOptions): Promise<Acquired> {
  const started = monotonicMillis();
  const abort = new AbortController();
  const cancel = (): void => abort.abort(artifactError(plan.source, "cancelled"));
  if (options.signal.aborted) cancel();
  options.signal.addEventListener("abort", cancel, { once: true });
  const folder = openTargetFolder(plan);
  try {
    const kept = await findProved(plan, folder, abort.signal);
    const file = kept ?? (await fetchInto(plan, folder, options, abort));
    return { path: plan.target.path, ...file, skipped: kept !== undefined, millis: monotonicMillis() - started };
  } finally {
    folder.close();
    options.signal.removeEventListener("abort", cancel);
    // Lets go of the connection when it was the disk that failed.
    abort.abort(artifactError(plan.source, "finished"));
  }
}

type ProvedFile = Pick<Acquired, "bytes" | "checksum">;

function openTargetFolder(plan: ArtifactPlan): Folder {
  try {
    return openFolder(plan.target.root, plan.target.folders);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError(error.code, `artifact ${plan.source}: ${error.message}`, { hint: error.hint, cause: error });
  }
}

/** go-getter's rule: what is there already with the right checksum is not fetched again. */
async function findProved(plan: ArtifactPlan, folder: Folder, signal: AbortSignal): Promise<ProvedFile | undefined> {
  const there = refuseOddDestination(plan, folder);
  if (!there || plan.checksum === null) return undefined;
  try {
    const { bytes, hex } = await hashFile(folder.at(plan.target.fileName), plan.checksum.type, signal);
    return hex === plan.checksum.hex ? { bytes, checksum: formatChecksum(plan.checksum) } : undefined;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw diskError(plan.source, plan.target.path, "read", error);
  }
}

async function hashFile(
  path: string,
  type: ChecksumType,
  signal: AbortSignal,
): Promise<{ bytes: number; hex: string }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const hash = createHashSink(type);
    const buffer = Buffer.alloc(1 << 20);
    for (let bytes = 0; ; ) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return { bytes, hex: hash.digest().hex };
      hash.write(buffer.subarray(0, bytesRead));
      bytes += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** @returns whether a file is there. @throws AppError when it is something that must not be replaced. */
function refuseOddDestination(plan: ArtifactPlan, folder: Folder): boolean {
  const there = lookAt(folder.at(plan.target.fileName));
  if (there === undefined || there.isFile()) return there !== undefined;
  throw artifactError(
    plan.source,
    `destination ${plan.target.path}: expected a file or nothing, found a ${kindOf(there)}`,
    there.isDirectory() ? 'leave mode = "file" out to put the file into that directory' : undefined,
  );
}

async function fetchInto(
  plan: ArtifactPlan,
  folder: Folder,
  options: DownloadOptions,
  abort: AbortController,
): Promise<ProvedFile> {
  const watchdog = createWatchdog(options.stallMillis, () => {
    abort.abort(artifactError(plan.source, `no byte came for ${options.stallMillis / 1000} s`, STALL_HINT));
  });
  try {
    watchdog.arm();
    const source = await openHttpSource(plan, abort.signal);
    watchdog.disarm();
    return await storeSource(plan, folder, source, { ...options, signal: abort.signal, watchdog });
  } finally {
    watchdog.disarm();
  }
}

const STALL_HINT = "the server or the network on the way hangs; try again";

async function storeSource(
  plan: ArtifactPlan,
  folder: Folder,
  source: Source,
  options: DownloadOptions & { readonly watchdog: Watchdog },
): Promise<ProvedFile> {
  const path = plan.target.path;
  const part = attempt(plan, `${path}.part`, "create", () => createPartFile(folder, plan.target.fileName));
  try {
    const hash = createHashSink(plan.checksum?.type ?? DEFAULT_TYPE);
    const bytes = await moveBytes(plan, source, [hash, guardWrites(plan, part)], options);
    const checksum = proveBytes(plan, source, bytes, hash);
    await part.sync().catch((error: unknown) => {
      throw diskError(plan.source, path, "write", error);
    });
    // A turn of the event loop, so that a cancellation on its way is heard before the file has its name.
    await setImmediate();
    if (options.signal.aborted) throw options.signal.reason;
    refuseOddDestination(plan, folder);
    attempt(plan, path, "name", () => {
      part.publish();
      fsyncSync(folder.fd);
    });
    return { bytes, checksum };
  } finally {
    await part.close();
  }
}

async function moveBytes(
  plan: ArtifactPlan,
  source: Source,
  sinks: readonly Sink[],
  options: DownloadOptions & { readonly watchdog: Watchdog },
): Promise<number> {
  const meter = createMeter(source.length, options.onProgress);
  try {
    const bytes = await transfer(source, sinks, options.watchdog, (count) => meter.add(count));
    meter.finish();
    return bytes;
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    throw error instanceof AppError ? error : networkError(plan.source, error);
  }
}

/** @throws AppError when the bytes are not those that were asked for. */
function proveBytes(plan: ArtifactPlan, source: Source, bytes: number, hash: HashSink): string {
  if (source.length !== null && bytes !== source.length) {
    const found = `expected ${source.length} bytes, got ${bytes} (${formatBytes(bytes)})`;
    throw artifactError(plan.source, found, "the connection broke, or the server lies about the length");
  }
  const found = formatChecksum(hash.digest());
  if (plan.checksum !== null && found !== formatChecksum(plan.checksum)) {
    throw artifactError(
      plan.source,
      `checksum of ${bytes} bytes: expected ${formatChecksum(plan.checksum)}, got ${found}`,
      "the file on the server is another one than the job means, or it was damaged on the way",
    );
  }
  return found;
}

/** Tells a disk's errors from the network's: both come out of the same loop. */
function guardWrites(plan: ArtifactPlan, part: PartFile): Sink {
  const path = `${plan.target.path}.part`;
  return { write: (chunk) => attempt(plan, path, "write", () => part.write(chunk)) };
}

function attempt<T>(plan: ArtifactPlan, path: string, doing: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) {
      throw artifactError(plan.source, error.message, error.hint, error);
    }
    throw diskError(plan.source, path, doing, error);
  }
}
