import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { AppError } from "./errors.ts";
import { O_PATH, procPath } from "./files.ts";

/** A socket's file held by a descriptor: what its name means meanwhile changes nothing. */
export interface PinnedSocket {
  /** What to connect to. */
  readonly path: string;
  /** Lets go of the file; a connection that was made stays. */
  release(): void;
}

/**
 * Finds the socket in a directory that somebody hostile may write: connecting by name would follow a link to another machine's
 * monitor, or to any socket of the host that root may use.
 * @param owner the uid that must have made the socket.
 * @throws AppError `conflict` for a link, for what is no socket and for somebody else's; system errors (`ENOENT`).
 */
export function pinSocket(path: string, owner: number): PinnedSocket {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  const { uid, mode } = fstatSync(fd);
  // By its mode: with O_NOFOLLOW a link itself is opened.
  const isSocket = (mode & constants.S_IFMT) === constants.S_IFSOCK;
  if (isSocket && uid === owner) return { path: procPath(fd), release: () => closeSync(fd) };
  closeSync(fd);
  const found = isSocket ? `a socket of user ${uid}` : "something else";
  throw new AppError("conflict", `${path}: expected a socket of user ${owner}, found ${found}`);
}
