import {
  EXTENSION,
  type Header,
  type HeaderFile,
  INCOMPATIBLE,
  MAX_CLUSTER_BITS,
  MIN_CLUSTER_BITS,
  readBackingName,
  readExtensions,
  readFields,
  V2_LENGTH,
  V3_LENGTH,
} from "./qcow2.ts";

/** What a qcow2 image says of itself, also one that is refused: nothing of it was checked, and names may hold any character. */
export interface Qcow2Facts {
  readonly version: number;
  /** Bytes; null when it is none that QEMU takes. */
  readonly clusterSize: number | null;
  /** Bytes the guest sees; null when it is more than 8 PiB. */
  readonly virtualSize: number | null;
  readonly compression: "zlib" | "zstd" | "unknown";
  readonly encryption: "aes" | "luks" | "unknown" | null;
  readonly refcountBits: number;
  readonly lazyRefcounts: boolean;
  readonly subclusters: boolean;
  /** It was not closed: its reference counts may be wrong, and QEMU mends them when it opens it. */
  readonly dirty: boolean;
  readonly corrupt: boolean;
  /** The name of the file below it, "" when it has one and names none. */
  readonly backingFile: string | null;
  readonly backingFormat: string | null;
  /** The name of the file with its data, "" when it has one and names none. */
  readonly dataFile: string | null;
  /** How many there are, as the header says. */
  readonly snapshotCount: number;
  /** The first of them, as far as they could be read. */
  readonly snapshots: readonly Snapshot[];
}

/** A state of the disk, and perhaps of the machine, inside the image. */
export interface Snapshot {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  /** Bytes of the machine's state; 0 for the disk's state alone. */
  readonly stateBytes: number;
}

/** Bit of the compatible features, whose field stands at 80 (docs/interop/qcow2.txt). */
const LAZY_REFCOUNTS = 1n;
const COMPATIBLE_OFFSET = 80;

const MAX_LISTED_SNAPSHOTS = 256;
const SNAPSHOT_FIXED_BYTES = 40;
/** QEMU's own readers keep no more of a snapshot's id and name, and Linux has no longer path. */
const MAX_SNAPSHOT_NAME = 255;
const MAX_NAME = 4096;

/** @returns null when the header is cut off or its version unknown. */
export function describeQcow2(file: HeaderFile): Qcow2Facts | null {
  const head = file.read(0, V3_LENGTH + 8);
  const version = head.length < 8 ? 0 : head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return null;
  if (head.length < (version === 2 ? V2_LENGTH : V3_LENGTH)) return null;
  const header = readFields(head, version);
  const has = (bit: bigint): boolean => (header.incompatible & bit) !== 0n;
  const size = Number((header.size / 512n) * 512n);
  return {
    version,
    clusterSize:
      header.clusterBits < MIN_CLUSTER_BITS || header.clusterBits > MAX_CLUSTER_BITS ? null : 2 ** header.clusterBits,
    virtualSize: Number.isSafeInteger(size) ? size : null,
    compression: header.compressionType === 0 ? "zlib" : header.compressionType === 1 ? "zstd" : "unknown",
    encryption: encryptionOf(header),
    refcountBits: 2 ** header.refcountOrder,
    lazyRefcounts: version === 3 && (head.readBigUInt64BE(COMPATIBLE_OFFSET) & LAZY_REFCOUNTS) !== 0n,
    subclusters: has(INCOMPATIBLE.extendedL2),
    dirty: has(INCOMPATIBLE.dirty),
    corrupt: has(INCOMPATIBLE.corrupt),
    ...describeReferences(header, file),
    snapshotCount: header.snapshots,
    snapshots: readSnapshots(header, file),
  };
}

function encryptionOf({ cryptMethod }: Header): Qcow2Facts["encryption"] {
  if (cryptMethod === 0) return null;
  return cryptMethod === 1 ? "aes" : cryptMethod === 2 ? "luks" : "unknown";
}

function describeReferences(
  header: Header,
  file: HeaderFile,
): Pick<Qcow2Facts, "backingFile" | "backingFormat" | "dataFile"> {
  const backed = header.backingOffset !== 0n || header.backingLength !== 0;
  const named = new Map<number, string>();
  for (const { type, content } of readExtensions(header, file)) {
    if (content !== null) named.set(type, content.subarray(0, MAX_NAME).toString("utf8"));
  }
  const apart = (header.incompatible & INCOMPATIBLE.dataFile) !== 0n;
  return {
    backingFile: backed ? (readBackingName(header, file) ?? "") : null,
    backingFormat: named.get(EXTENSION.backingFormat) ?? null,
    dataFile: named.get(EXTENSION.dataFile) ?? (apart ? "" : null),
  };
}

/** The first snapshots; reading ends where the table leaves the file. */
function readSnapshots(header: Header, file: HeaderFile): Snapshot[] {
  const found: Snapshot[] = [];
  if (header.snapshotsOffset > BigInt(file.size)) return found;
  let at = Number(header.snapshotsOffset);
  while (found.length < Math.min(header.snapshots, MAX_LISTED_SNAPSHOTS)) {
    const fixed = file.read(at, SNAPSHOT_FIXED_BYTES);
    if (fixed.length < SNAPSHOT_FIXED_BYTES) break;
    const [idLength, nameLength, extraLength] = [
      fixed.readUInt16BE(12),
      fixed.readUInt16BE(14),
      fixed.readUInt32BE(36),
    ];
    const behind = at + SNAPSHOT_FIXED_BYTES + extraLength;
    const end = behind + idLength + nameLength;
    if (end > file.size) break;
    const text = (offset: number, length: number): string =>
      file.read(offset, Math.min(length, MAX_SNAPSHOT_NAME)).toString("utf8");
    // Version 3 has the size in 64 bits in its extra data.
    const wide = extraLength < 8 ? 0n : file.read(at + SNAPSHOT_FIXED_BYTES, 8).readBigUInt64BE(0);
    found.push({
      id: text(behind, idLength),
      name: text(behind + idLength, nameLength),
      takenAt: fixed.readUInt32BE(16) * 1000 + Math.floor(fixed.readUInt32BE(20) / 1e6),
      stateBytes: wide === 0n ? fixed.readUInt32BE(32) : Number(wide),
    });
    at += Math.ceil((end - at) / 8) * 8;
  }
  return found;
}
