import { runtimeKind } from "./kind.ts";

/** Has the collector look for garbage of this thread now; nothing where the runtime does not let itself be asked. */
export function collectGarbage(): void {
  if (runtimeKind === "bun") Bun.gc(true);
}

/** The same without waiting for it: most of the work is done beside this thread. */
export function collectGarbageSoon(): void {
  if (runtimeKind === "bun") Bun.gc(false);
}

/**
 * Has this thread give back what it can do without as soon as it has nothing to do: garbage, room that is free, and machine code, which is
 * made anew of what runs often. Takes as long as a collection.
 */
export function shrinkMemory(): void {
  if (runtimeKind === "bun") Bun.shrink();
}

/**
 * Gives back at once the memory of bytes that nobody looks at any more, where they are all that their buffer holds; they are gone then.
 * The collector does not see what buffers hold outside of its heap, and lets them pile up.
 * @returns whether it did.
 */
export function releaseBytes(bytes: Uint8Array): boolean {
  const { buffer } = bytes;
  // A runtime's stream may cut its pieces from one buffer.
  if (runtimeKind !== "bun" || bytes.byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return false;
  buffer.transfer(0);
  return true;
}
