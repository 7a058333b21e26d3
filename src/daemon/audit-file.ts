import { Buffer } from "node:buffer";
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync, renameSync, writeSync } from "node:fs";
import type { Audit, AuditEntry } from "../api/access/audit.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

export interface AuditFile extends Audit {
  close(): void;
}

export interface AuditOptions {
  readonly log: Log;
  /** A file that is longer is put aside. */
  readonly maxBytes?: number;
  /** How many are kept besides. */
  readonly kept?: number;
}

const MAX_BYTES = 8 << 20;
const KEPT = 4;

/** What is open now. */
interface Open {
  readonly fd: number;
  bytes: number;
  /** The last line was cut, by a full disk, say. */
  torn: boolean;
}

/**
 * The audit log: a line of JSON for each change, readable for the agent's user alone. It is opened with the first change, its lines are
 * handed to the kernel before the change is answered, and synced by nobody. What cannot be written is told in the agent's log and counted
 * in the next line that can (`{"Lost": 3}`).
 */
export function openAuditFile(path: string, { log, maxBytes = MAX_BYTES, kept = KEPT }: AuditOptions): AuditFile {
  let open: Open | undefined;
  let lost = 0;
  const close = (): void => {
    if (open !== undefined) closeSync(open.fd);
    open = undefined;
  };
  const put = (text: string): void => {
    // Somebody may have removed it: what nobody can read is no log.
    if (open !== undefined && fstatSync(open.fd).nlink === 0) close();
    open ??= openAt(path);
    if (open.bytes > 0 && open.bytes + Buffer.byteLength(text) > maxBytes) {
      close();
      putAside(path, kept);
      open = openAt(path);
    }
    append(open, text);
  };
  return {
    write(entry: AuditEntry) {
      try {
        put(`${lost === 0 ? "" : `${JSON.stringify({ Lost: lost })}\n`}${JSON.stringify(entry)}\n`);
        if (lost > 0) log.info("the audit log is written again", { path, lost });
        lost = 0;
      } catch (error) {
        if (lost === 0) log.error("the audit log cannot be written; changes go on", { path, error: errorText(error) });
        lost++;
      }
    },
    close,
  };
}

function openAt(path: string): Open {
  const flags =
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openSync(path, flags, 0o600);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error("it is no regular file");
    if ((stat.mode & 0o777) !== 0o600) fchmodSync(fd, 0o600);
    // A line that an agent was killed in the middle of is not gone on with.
    return { fd, bytes: stat.size, torn: stat.size > 0 && !endsLine(path, stat.size) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function endsLine(path: string, size: number): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const last = Buffer.alloc(1);
    readSync(fd, last, 0, 1, size - 1);
    return last[0] === 0x0a;
  } finally {
    closeSync(fd);
  }
}

function append(open: Open, text: string): void {
  const bytes = Buffer.from(open.torn ? `\n${text}` : text);
  for (let written = 0; written < bytes.length; ) {
    // Until all of it is there.
    open.torn = true;
    const count = writeSync(open.fd, bytes, written);
    open.bytes += count;
    written += count;
  }
  open.torn = false;
}

/** `audit.log` becomes `audit.log.1`, that one `audit.log.2`, and the last goes. */
function putAside(path: string, kept: number): void {
  for (let at = kept - 1; at >= 1; at--) {
    try {
      renameSync(`${path}.${at}`, `${path}.${at + 1}`);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  renameSync(path, `${path}.1`);
}
