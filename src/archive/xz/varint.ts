import { xzDamaged } from "./failure.ts";

/** Longest form of a number. */
export const VARINT_BYTES = 9;

/**
 * A number of up to 63 bits, seven a byte (The .xz File Format 1.2, 1.2); those above 2^53 lose their lowest bits.
 * @param place of its first byte, then behind it.
 * @throws AppError when it does not end, or has bits to spare.
 */
export function readVarint(bytes: Uint8Array, place: { at: number }): number {
  let value = 0;
  for (let i = 0; i < VARINT_BYTES; i++) {
    const byte = bytes[place.at++];
    if (byte === undefined || (byte === 0 && i > 0)) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw xzDamaged("a number");
}
