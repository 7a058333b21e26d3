import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { xzDamaged } from "./failure.ts";
import type { XzInput } from "./input.ts";
import { readVarint, VARINT_BYTES } from "./varint.ts";

/** Notes the lengths of blocks, which stand behind the last of them once more. Its memory does not grow with their number. */
export interface BlockTally {
  /** @param packed with header and check. */
  add(packed: number, unpacked: number): void;
  readonly count: number;
  /** Of all that was noted. */
  digest(): string;
}

export function createBlockTally(): BlockTally {
  const hash = createHash("sha256");
  let count = 0;
  return {
    add(packed, unpacked) {
      count++;
      hash.update(Float64Array.of(packed, unpacked));
    },
    get count() {
      return count;
    },
    digest: () => hash.digest("hex"),
  };
}

/**
 * Reads the index of a stream (The .xz File Format 1.2, 4), which begins with the next byte.
 * @returns its length in bytes.
 * @throws AppError when it is damaged, ends early, or says other lengths than the blocks had.
 */
export async function readXzIndex(input: XzInput, blocks: BlockTally): Promise<number> {
  const begin = input.taken;
  let sum = 0;
  const take = async (count: number): Promise<Buffer> => {
    const bytes = await input.take(count);
    sum = crc32(bytes, sum);
    return bytes;
  };
  const number = async (): Promise<number> => {
    if (input.held < VARINT_BYTES) await input.load(VARINT_BYTES);
    await input.need(1);
    const place = { at: 0 };
    const value = readVarint(input.bytes.subarray(input.at, input.at + Math.min(input.held, VARINT_BYTES)), place);
    await take(place.at);
    return value;
  };
  await take(1);
  const count = await number();
  if (count !== blocks.count) throw xzDamaged("the number of blocks");
  const listed = createBlockTally();
  for (let left = count; left > 0; left--) {
    const packed = await number();
    listed.add(packed, await number());
  }
  if (listed.digest() !== blocks.digest()) throw xzDamaged("the lengths of blocks");
  const padding = await take(-(input.taken - begin) & 3);
  if (padding.some((byte) => byte !== 0)) throw xzDamaged("the index");
  const wanted = sum;
  if ((await input.take(4)).readUInt32LE(0) !== wanted) throw xzDamaged("the checksum of the index");
  return input.taken - begin;
}
