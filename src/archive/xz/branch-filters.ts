import { xzDamaged } from "./failure.ts";
import type { Filter } from "./filters.ts";

/**
 * The targets of calls in machine code, which before compression were made absolute so that calls of one function look alike, become
 * relative again (The .xz File Format 1.2, 5.3.2).
 */
interface Machine {
  /** Instructions begin at multiples of this, in bytes. */
  readonly step: number;
  /** Bytes that are looked at for one. */
  readonly length: number;
  /** Puts one right. @param place of its first byte since the beginning of the code. @returns bytes of what it was, 0 for no call. */
  readonly mend: (code: DataView, at: number, place: number) => number;
}

const arm: Machine = {
  step: 4,
  length: 4,
  mend(code, at, place) {
    const word = code.getUint32(at, true);
    if (word >>> 24 !== 0xeb) return 0;
    const target = ((word << 2) - (place + 8)) >>> 2;
    code.setUint32(at, ((word & 0xff000000) | (target & 0xffffff)) >>> 0, true);
    return 4;
  },
};

const armThumb: Machine = {
  step: 2,
  length: 4,
  mend(code, at, place) {
    const first = code.getUint16(at, true);
    const second = code.getUint16(at + 2, true);
    if (first >>> 11 !== 0x1e || second >>> 11 !== 0x1f) return 0;
    const target = ((((first & 0x7ff) << 12) | ((second & 0x7ff) << 1)) - (place + 4)) >>> 1;
    code.setUint16(at, 0xf000 | ((target >>> 11) & 0x7ff), true);
    code.setUint16(at + 2, 0xf800 | (target & 0x7ff), true);
    return 4;
  },
};

const arm64: Machine = {
  step: 4,
  length: 4,
  mend(code, at, place) {
    const word = code.getUint32(at, true);
    if (word >>> 26 === 0x25) {
      const target = word - (place >>> 2);
      code.setUint32(at, (0x94000000 | (target & 0x3ffffff)) >>> 0, true);
      return 4;
    }
    if ((word & 0x9f000000) >>> 0 !== 0x90000000) return 0;
    // ADRP: 21 bits of pages, of which those that lie within 512 MiB were made absolute.
    const pages = ((word >>> 29) & 3) | ((word >>> 3) & 0x1ffffc);
    if (((pages + 0x20000) & 0x1c0000) !== 0) return 4;
    const target = pages - (place >>> 12);
    const upper = (target & 0x3fffc) << 3;
    const sign = -(target & 0x20000) & 0xe00000;
    code.setUint32(at, ((word & 0x9000001f) | ((target & 3) << 29) | upper | sign) >>> 0, true);
    return 4;
  },
};

const powerPc: Machine = {
  step: 4,
  length: 4,
  mend(code, at, place) {
    const word = code.getUint32(at);
    if ((word & 0xfc000003) >>> 0 !== 0x48000001) return 0;
    code.setUint32(at, (0x48000001 | ((word - place) & 0x3fffffc)) >>> 0);
    return 4;
  },
};

const sparc: Machine = {
  step: 4,
  length: 4,
  mend(code, at, place) {
    const word = code.getUint32(at);
    if (word >>> 22 !== 0x100 && word >>> 22 !== 0x1ff) return 0;
    const target = ((word << 2) - place) >>> 2;
    const sign = (0x40000000 - (target & 0x400000)) | 0x40000000;
    code.setUint32(at, (sign | (target & 0x3fffff)) >>> 0);
    return 4;
  },
};

const x86: () => Machine = () => {
  /** Which of the three bytes before this one may have begun a call that was none: bit 0 is the nearest. */
  let suspects = 0;
  const isSign = (byte: number): boolean => byte === 0 || byte === 0xff;
  return {
    step: 1,
    length: 5,
    mend(code, at, place) {
      if ((code.getUint8(at) & 0xfe) !== 0xe8) {
        suspects = (suspects << 1) & 7;
        return 0;
      }
      const skip = SUSPECT_BYTE[suspects] ?? -1;
      const isOdd = skip === -1 || (suspects !== 0 && isSign(code.getUint8(at + 4 - skip)));
      if (isOdd || !isSign(code.getUint8(at + 4))) {
        suspects = ((suspects << 1) | 1) & 7;
        return 0;
      }
      let target = code.getInt32(at + 1, true);
      for (;;) {
        const moved = (target - (place + 5)) | 0;
        const shift = 24 - skip * 8;
        if (suspects === 0 || !isSign((moved >>> shift) & 0xff)) {
          target = moved;
          break;
        }
        target = moved ^ ((1 << (shift + 8)) - 1);
      }
      code.setInt32(at + 1, (target << 7) >> 7, true);
      suspects = 0;
      return 5;
    },
  };
};

/** By the suspects, how many bytes before the last of an address the first of them would have had its own last; -1 for no call. */
const SUSPECT_BYTE = [0, 1, 2, -1, 3, -1, -1, -1];

const MACHINES: Readonly<Record<number, () => Machine>> = {
  4: x86,
  5: () => powerPc,
  7: () => arm,
  8: () => armThumb,
  9: () => sparc,
  10: () => arm64,
};

/**
 * @param id the filter's number. @param start what the code's first byte counts as.
 * @returns undefined when there is none of that number.
 * @throws AppError when instructions cannot begin there.
 */
export function createBranchFilter(id: number, start: number): Filter | undefined {
  const machine = Object.hasOwn(MACHINES, id) ? MACHINES[id]?.() : undefined;
  if (machine === undefined) return undefined;
  if (start % machine.step !== 0) throw xzDamaged("the properties of a filter");
  let place = start;
  return {
    apply(bytes, from, to) {
      const code = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      let at = from;
      while (at + machine.length <= to) {
        const done = machine.mend(code, at, place) || machine.step;
        at += done;
        place = (place + done) >>> 0;
      }
      return at;
    },
  };
}
