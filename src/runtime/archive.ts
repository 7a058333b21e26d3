import { runtimeKind } from "./kind.ts";

/**
 * Files as one tar archive, in the order given. @param files by their names in the archive.
 * @returns null under a runtime that has no writer of tar files.
 */
export async function packTar(files: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array | null> {
  if (runtimeKind !== "bun") return null;
  const blobs = [...files].map(([name, bytes]) => [name, new Uint8Array(bytes)] as const);
  return await new Bun.Archive(Object.fromEntries(blobs)).bytes();
}
