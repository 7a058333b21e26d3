import { collectGarbage, releaseBytes } from "../../runtime/memory.ts";
import type { Source } from "../source/http.ts";
import type { Sink } from "./sink.ts";
import type { Watchdog } from "./watchdog.ts";

/** After so many bytes of chunks that could not be given back at once the collector is called. */
const COLLECT_BYTES = 16 << 20;

/**
 * Moves a source's bytes through all sinks, one chunk at a time: nothing is read ahead of what was written.
 * The watchdog runs only while the source is waited for, so a slow disk is not taken for a silent server.
 * @param isEnough is asked behind each chunk, and ends it before the stream does.
 * @returns the bytes moved.
 * @throws what the stream or a sink throws; the stream is cancelled then.
 */
export async function transfer(
  source: Pick<Source, "stream">,
  sinks: readonly Sink[],
  watchdog: Watchdog,
  onBytes: (count: number) => void,
  isEnough: () => boolean = () => false,
): Promise<number> {
  const reader = source.stream.getReader();
  let bytes = 0;
  let uncollected = 0;
  try {
    for (;;) {
      watchdog.arm();
      const { done, value } = await reader.read();
      watchdog.disarm();
      if (done) return bytes;
      for (const sink of sinks) sink.write(value);
      const { length } = value;
      bytes += length;
      onBytes(length);
      if (!releaseBytes(value)) uncollected += length;
      if (uncollected >= COLLECT_BYTES) {
        uncollected = 0;
        collectGarbage();
      }
      if (!isEnough()) continue;
      await reader.cancel().catch(() => undefined);
      return bytes;
    }
  } catch (error) {
    // A stream that broke by itself rejects the cancel with the same error.
    await reader.cancel(error).catch(() => undefined);
    throw error;
  } finally {
    watchdog.disarm();
  }
}
