import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** The hex digits of some bytes' digest; `type` as node:crypto names it. */
export function hexOf(body: string | Uint8Array, type = "sha256"): string {
  return createHash(type).update(body).digest("hex");
}

/** A checksum as job files and the CLI write it. */
export function checksumOf(body: string | Uint8Array, type = "sha256"): string {
  return `${type}:${hexOf(body, type)}`;
}

/** The hex digits of a file's SHA-256. */
export function hashOf(path: string): string {
  return hexOf(readFileSync(path));
}
