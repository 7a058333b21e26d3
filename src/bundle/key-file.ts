import { closeSync, constants, fsyncSync, openSync, statSync, writeSync } from "node:fs";
import { AppError, errnoOf } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import { MAX_KEYS, readSigningKey, readTrustedKeys, type SigningKey, type TrustedKey } from "./keys.ts";

const WRITABLE_BY_ALL = 0o002;

/** Reads a file of public keys. @throws AppError `invalid`, `not_found`. */
export function readTrustedKeysFile(path: string): TrustedKey[] {
  return readTrustedKeys(readKeyText(path), path);
}

/** The text of a file of keys, as it is. @throws AppError `invalid`, `not_found`. */
export function readKeyText(path: string): string {
  return onFile(path, () => {
    if ((statSync(path).mode & WRITABLE_BY_ALL) !== 0) {
      throw new AppError("invalid", `everybody may write to ${path}, so it says nothing of whom to trust`, {
        hint: `chmod o-w ${path}`,
      });
    }
    const bytes = readBeginning(path, MAX_KEYS);
    if (bytes.length <= MAX_KEYS) return bytes.toString("utf8");
    throw new AppError("invalid", `${path} is too long for a file of keys`);
  });
}

/** Reads a file with one private key. @throws AppError `invalid`, `not_found`. */
export function readSigningKeyFile(path: string): SigningKey {
  return readSigningKey(readKeyText(path), path);
}

/** Writes a new file; what is there stays. @throws AppError `conflict`, `invalid`. */
export function writeKeyFile(path: string, text: string, mode: number): void {
  onFile(path, () => {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

function onFile<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = errnoOf(error);
    if (code === "ENOENT") throw new AppError("not_found", `${path}: no such file or directory`, { cause: error });
    if (code === "EEXIST") {
      throw new AppError("conflict", `${path} is there already`, {
        hint: "keys are never written over; name another file",
      });
    }
    throw new AppError("invalid", `${path}: ${code ?? "unknown error"}`, { cause: error });
  }
}
