import { randomFillSync } from "node:crypto";
import { rmSync, statSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import { errorText } from "../base/errors.ts";
import { writeNew } from "../base/files.ts";
import type { Log } from "../base/log.ts";
import { roomAt } from "../base/room.ts";

/** Less on a file system so small that this is much of it. */
const BYTES = 1 << 20;

/** So much is given free at a time, more than a change of the store takes: something else may take it first. */
const STEP = BYTES / 4;

/** Bytes of the disk that are kept for the changes which make room on a full one. */
export interface Reserve {
  /** Gives some of them free. @returns whether there were any. */
  release(): boolean;
  /** Takes them again, where there is twice as much room. */
  make(): void;
}

/** Where nothing is set aside. */
export const NO_RESERVE: Reserve = { release: () => false, make: () => undefined };

/**
 * @param path of a file on the store's file system.
 * @param lookAt tells what room a directory's file system has.
 */
export function createReserve(path: string, log: Log, lookAt = roomAt): Reserve {
  const sizeNow = (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return {
    release() {
      try {
        const size = sizeNow();
        if (size === 0) return false;
        if (size > STEP) truncateSync(path, size - STEP);
        else rmSync(path);
        log.info("the disk is full: the agent gives free some of what it set aside to make room with", { path });
        return true;
      } catch (error) {
        log.warn("what was set aside for a full disk cannot be given free", { error: errorText(error) });
        return false;
      }
    },
    make() {
      try {
        const room = lookAt(dirname(path));
        if (room === undefined) return;
        const wanted = Math.min(BYTES, room.reserve);
        if (sizeNow() >= wanted || room.free < 2 * wanted) return;
        // Zeros would take no room where the file system packs them.
        writeNew(path, randomFillSync(Buffer.alloc(wanted)));
      } catch (error) {
        log.debug("nothing is set aside for a full disk", { error: errorText(error) });
      }
    },
  };
}
