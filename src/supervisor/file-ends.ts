import { errnoOf, errorText } from "../base/errors.ts";
import { readUntrustedEnd } from "../base/files.ts";
import type { Log } from "../base/log.ts";
import type { MachineFiles } from "../paths.ts";
import type { MachinePlace } from "./machine-place.ts";
import { withMachineFiles } from "./own-files.ts";

/** The end of one of the files that the agent's own directory has about a start; empty when it cannot be read, which is logged. */
export async function readMachineFile(
  place: MachinePlace,
  file: keyof MachineFiles,
  limit: number,
  log: Log,
): Promise<Buffer> {
  try {
    return await withMachineFiles(place, (files) => readFileEnd(files[file], limit, log));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") log.warn("evidence of a machine cannot be read", { error: errorText(error) });
    return Buffer.alloc(0);
  }
}

/**
 * The end of a file that a machine may have put there; empty when it cannot be read, which is logged.
 * @param from what stands before this offset is left out, unless the file has become shorter than that.
 */
export function readFileEnd(path: string, limit: number, log: Log, from = 0): Buffer {
  try {
    return readUntrustedEnd(path, limit, from) ?? Buffer.alloc(0);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT")
      log.warn("evidence of a machine cannot be read", { path, error: errorText(error) });
    return Buffer.alloc(0);
  }
}
