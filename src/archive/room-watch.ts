import { procPath } from "../base/files.ts";
import { describeRoom, MAKE_ROOM, roomAt } from "../base/room.ts";
import { archiveError } from "./failure.ts";

/** Looks at the free space of the disk as it is filled. @throws AppError when what is left is not for archives. */
export interface RoomWatch {
  /** Before so many bytes of a file are written. */
  bytes(count: number): void;
  /** Before a file, link or directory is made. */
  entry(): void;
}

/** What came since the last look, in bytes; looking takes microseconds. */
const LOOK_BYTES = 1 << 20;

/** What an entry takes that has no content: a block of most file systems. */
const ENTRY_BYTES = 4096;

/** @param rootFd a directory on that disk, open. */
export function createRoomWatch(rootFd: number): RoomWatch {
  let unlooked = LOOK_BYTES;
  const bytes = (count: number): void => {
    unlooked += count;
    if (unlooked < LOOK_BYTES) return;
    unlooked = 0;
    const room = roomAt(procPath(rootFd));
    if (room === undefined || room.reserve <= room.free) return;
    throw archiveError(`no space left on the disk to unpack it: ${describeRoom(room)}`, MAKE_ROOM);
  };
  return { bytes, entry: () => bytes(ENTRY_BYTES) };
}
