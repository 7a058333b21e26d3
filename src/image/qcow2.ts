import { escapeControls } from "../base/text.ts";
import type { Inspection } from "./inspection.ts";

/** The file behind a header, read with bounds. */
export interface HeaderFile {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Fewer bytes at the end of the file. */
  read(offset: number, length: number): Buffer;
}

/*
 * Layout and limits: QEMU's docs/interop/qcow2.txt, and the limits of QEMU 7.2's own reader.
 */
export const V2_LENGTH = 72;
export const V3_LENGTH = 104;
export const MIN_CLUSTER_BITS = 9;
export const MAX_CLUSTER_BITS = 21;
/** A cluster has 32 subclusters of at least a sector each. */
const MIN_SUBCLUSTERED_BITS = 14;
const MAX_L1_BYTES = 32 << 20;
const MAX_REFCOUNT_TABLE_BYTES = 8 << 20;
const MAX_REFCOUNT_ORDER = 6;
const MAX_SNAPSHOTS = 65_536;
const MAX_BACKING_NAME = 1023;
const MAX_BITMAPS = 65_535;
const BITMAPS_BYTES = 24;
const SECTOR = 512n;

export const INCOMPATIBLE = { dirty: 1n, corrupt: 2n, dataFile: 4n, compression: 8n, extendedL2: 16n } as const;
const KNOWN_INCOMPATIBLE = 31n;

/** Features that a program which does not know them clears when it writes. */
export const AUTOCLEAR = { bitmaps: 1n, rawDataFile: 2n } as const;

export const EXTENSION = {
  end: 0,
  backingFormat: 0xe2792aca,
  dataFile: 0x44415441,
  encryption: 0x0537be77,
  bitmaps: 0x23852875,
} as const;

const FLATTEN =
  "make one file of it on a machine that you trust it on: qemu-img convert -O qcow2 OLD NEW.qcow2, without a backing or data file";
const REPAIR = "look at it with qemu-img check, or fetch it again";

/** The fields of a header as they stand there: nothing is checked yet. */
export interface Header {
  readonly version: number;
  readonly backingOffset: bigint;
  readonly backingLength: number;
  readonly clusterBits: number;
  readonly size: bigint;
  readonly cryptMethod: number;
  readonly l1Entries: number;
  readonly l1Offset: bigint;
  readonly refcountOffset: bigint;
  readonly refcountClusters: number;
  readonly snapshots: number;
  readonly snapshotsOffset: bigint;
  readonly incompatible: bigint;
  readonly autoclear: bigint;
  readonly refcountOrder: number;
  readonly headerLength: number;
  readonly compressionType: number;
}

/** Looks at a file that begins with qcow2's magic; what names another file, is encrypted, damaged or unknown is refused. */
export function inspectQcow2(file: HeaderFile): Inspection {
  const head = file.read(0, V3_LENGTH + 8);
  if (head.length < 8) return refuse("a qcow2 image whose header is cut off", REPAIR);
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) {
    return refuse(`a qcow2 image of unknown version ${version}`, "qemu-img amend -o compat=1.1 makes version 3");
  }
  if (head.length < (version === 2 ? V2_LENGTH : V3_LENGTH)) {
    return refuse("a qcow2 image whose header is cut off", REPAIR);
  }
  const header = readFields(head, version);
  return (
    refuseReferences(header, file) ?? refuseDamage(header, file) ?? refuseExtensions(header, file) ?? accept(header)
  );
}

function accept(header: Header): Inspection {
  return { format: "qcow2", virtualSize: Number((header.size / SECTOR) * SECTOR) };
}

/** @param head begins with a whole header of this version. */
export function readFields(head: Buffer, version: number): Header {
  const three = version === 3;
  const headerLength = three ? head.readUInt32BE(100) : V2_LENGTH;
  return {
    version,
    backingOffset: head.readBigUInt64BE(8),
    backingLength: head.readUInt32BE(16),
    clusterBits: head.readUInt32BE(20),
    size: head.readBigUInt64BE(24),
    cryptMethod: head.readUInt32BE(32),
    l1Entries: head.readUInt32BE(36),
    l1Offset: head.readBigUInt64BE(40),
    refcountOffset: head.readBigUInt64BE(48),
    refcountClusters: head.readUInt32BE(56),
    snapshots: head.readUInt32BE(60),
    snapshotsOffset: head.readBigUInt64BE(64),
    incompatible: three ? head.readBigUInt64BE(72) : 0n,
    autoclear: three ? head.readBigUInt64BE(88) : 0n,
    refcountOrder: three ? head.readUInt32BE(96) : 4,
    headerLength,
    compressionType: three && headerLength > V3_LENGTH && head.length > V3_LENGTH ? (head[V3_LENGTH] ?? 0) : 0,
  };
}

/** What would make QEMU open another file, or ask for a key. */
function refuseReferences(header: Header, file: HeaderFile): Inspection | undefined {
  if (header.backingOffset !== 0n || header.backingLength !== 0) {
    return refuse(`a qcow2 image with a backing file${backingName(header, file)}`, FLATTEN);
  }
  if ((header.incompatible & INCOMPATIBLE.dataFile) !== 0n) {
    return refuse("a qcow2 image with an external data file", FLATTEN);
  }
  if (header.cryptMethod === 1) return refuse("a qcow2 image encrypted with AES", FLATTEN);
  if (header.cryptMethod === 2) return refuse("a qcow2 image encrypted with LUKS", FLATTEN);
  if (header.cryptMethod !== 0) return refuse(`a qcow2 image with unknown encryption ${header.cryptMethod}`, FLATTEN);
  const unknown = header.incompatible & ~KNOWN_INCOMPATIBLE;
  if (unknown !== 0n) {
    return refuse(`a qcow2 image with unknown features (incompatible bits 0x${unknown.toString(16)})`, FLATTEN);
  }
  return undefined;
}

function backingName(header: Header, file: HeaderFile): string {
  const name = readBackingName(header, file);
  return name === undefined ? "" : ` (${JSON.stringify(escapeControls(name))})`;
}

/** The name of the backing file as it stands there; undefined when there is none that QEMU would read. */
export function readBackingName({ backingOffset, backingLength }: Header, file: HeaderFile): string | undefined {
  if (backingLength > MAX_BACKING_NAME || backingOffset + BigInt(backingLength) > BigInt(file.size)) return undefined;
  const bytes = file.read(Number(backingOffset), backingLength);
  const end = bytes.indexOf(0);
  // QEMU ends it there, too.
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}

function refuseDamage(header: Header, file: HeaderFile): Inspection | undefined {
  const damage = findDamage(header, file);
  return damage === undefined ? undefined : refuse(`a damaged qcow2 image: ${damage}`, REPAIR);
}

function findDamage(header: Header, file: HeaderFile): string | undefined {
  if ((header.incompatible & INCOMPATIBLE.corrupt) !== 0n) return "it is marked as corrupt";
  const { clusterBits, headerLength } = header;
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    return `cluster_bits: expected ${MIN_CLUSTER_BITS} to ${MAX_CLUSTER_BITS}, found ${clusterBits}`;
  }
  if ((header.incompatible & INCOMPATIBLE.extendedL2) !== 0n && clusterBits < MIN_SUBCLUSTERED_BITS) {
    return `cluster_bits: expected at least ${MIN_SUBCLUSTERED_BITS} with subclusters, found ${clusterBits}`;
  }
  const cluster = 2 ** clusterBits;
  const least = header.version === 3 ? V3_LENGTH : V2_LENGTH;
  if (headerLength < least || headerLength > cluster || headerLength > file.size) {
    return `header_length: expected ${least} to ${Math.min(cluster, file.size)}, found ${headerLength}`;
  }
  if (headerLength % 8 !== 0) return `header_length: expected a multiple of 8, found ${headerLength}`;
  if (header.refcountOrder > MAX_REFCOUNT_ORDER) {
    return `refcount_order: expected 0 to ${MAX_REFCOUNT_ORDER}, found ${header.refcountOrder}`;
  }
  const compressed = (header.incompatible & INCOMPATIBLE.compression) !== 0n;
  if (compressed ? header.compressionType !== 1 : header.compressionType !== 0) {
    return `compression_type: found ${header.compressionType}, which its feature bit contradicts or nobody knows`;
  }
  if ((header.autoclear & AUTOCLEAR.rawDataFile) !== 0n) return "it says that its data file is raw, and has none";
  return findSizeDamage(header, cluster) ?? findTableDamage(header, file, cluster);
}

function findSizeDamage(header: Header, cluster: number): string | undefined {
  if (header.size < SECTOR) return `virtual size: expected at least 512 bytes, found ${header.size}`;
  if (header.size > BigInt(Number.MAX_SAFE_INTEGER)) return `virtual size: found ${header.size}, more than 8 PiB`;
  // With subclusters an L2 entry has 16 bytes instead of 8.
  const entryBytes = (header.incompatible & INCOMPATIBLE.extendedL2) === 0n ? 8 : 16;
  const perL1Entry = BigInt(cluster) * BigInt(cluster / entryBytes);
  const needed = (header.size + perL1Entry - 1n) / perL1Entry;
  if (BigInt(header.l1Entries) < needed) return `l1_size: expected at least ${needed}, found ${header.l1Entries}`;
  if (header.l1Entries * 8 > MAX_L1_BYTES)
    return `l1_size: expected at most ${MAX_L1_BYTES / 8}, found ${header.l1Entries}`;
  return undefined;
}

function findTableDamage(header: Header, file: HeaderFile, cluster: number): string | undefined {
  const refcountBytes = header.refcountClusters * cluster;
  if (header.refcountClusters === 0) return "refcount_table_clusters: expected at least 1, found 0";
  if (refcountBytes > MAX_REFCOUNT_TABLE_BYTES) {
    return `refcount table: expected at most ${MAX_REFCOUNT_TABLE_BYTES} bytes, found ${refcountBytes}`;
  }
  if (header.snapshots > MAX_SNAPSHOTS) {
    return `nb_snapshots: expected at most ${MAX_SNAPSHOTS}, found ${header.snapshots}`;
  }
  const outside = (name: string, offset: bigint, bytes: number): string | undefined => {
    if (offset === 0n || offset % BigInt(cluster) !== 0n) return askew(name, cluster, offset);
    if (offset + BigInt(bytes) > BigInt(file.size))
      return `${name}: ${offset} + ${bytes} bytes lie behind the end of the file`;
    return undefined;
  };
  return (
    outside("l1_table_offset", header.l1Offset, header.l1Entries * 8) ??
    outside("refcount_table_offset", header.refcountOffset, refcountBytes) ??
    // Where there are none the place means nothing, and QEMU wants it to be one all the same.
    (header.snapshots === 0 && header.snapshotsOffset % BigInt(cluster) === 0n && header.snapshotsOffset < 2n ** 63n
      ? undefined
      : outside("snapshots_offset", header.snapshotsOffset, header.snapshots * 40))
  );
}

const askew = (name: string, cluster: number, offset: bigint): string =>
  `${name}: expected a multiple of ${cluster}, found ${offset}`;

/** Header extensions: those that name files or keys are refused even where no feature bit asks for them. */
function refuseExtensions(header: Header, file: HeaderFile): Inspection | undefined {
  for (const { type, content } of readExtensions(header, file)) {
    if (content === null) {
      return refuse("a damaged qcow2 image: a header extension is longer than the header's cluster", REPAIR);
    }
    if (type === EXTENSION.dataFile) return refuse("a qcow2 image that names an external data file", FLATTEN);
    if (type === EXTENSION.backingFormat) return refuse("a qcow2 image that names a backing format", FLATTEN);
    if (type === EXTENSION.encryption) return refuse("a qcow2 image with an encryption header", FLATTEN);
    const damage = type === EXTENSION.bitmaps ? findBitmapDamage(header, content) : undefined;
    if (damage !== undefined) return refuse(`a damaged qcow2 image: ${damage}`, REPAIR);
  }
  return undefined;
}

/** Dirty bitmaps: without their feature bit nothing but the length of what tells of them counts. */
function findBitmapDamage({ autoclear, clusterBits }: Header, content: Buffer): string | undefined {
  if (content.length !== BITMAPS_BYTES) return `bitmaps: expected ${BITMAPS_BYTES} bytes, found ${content.length}`;
  if ((autoclear & AUTOCLEAR.bitmaps) === 0n) return undefined;
  const [count, reserved] = [content.readUInt32BE(0), content.readUInt32BE(4)];
  const [bytes, offset] = [content.readBigUInt64BE(8), content.readBigUInt64BE(16)];
  if (count === 0 || count > MAX_BITMAPS) return `nb_bitmaps: expected 1 to ${MAX_BITMAPS}, found ${count}`;
  if (reserved !== 0) return `bitmaps: expected zeros in the reserved field, found ${reserved}`;
  if (bytes > BigInt(MAX_BITMAPS * 1024))
    return `bitmap_directory_size: expected at most ${MAX_BITMAPS * 1024}, found ${bytes}`;
  const cluster = 2 ** clusterBits;
  return offset % BigInt(cluster) === 0n ? undefined : askew("bitmap_directory_offset", cluster, offset);
}

/** The header's extensions in their order; the content of one that is longer than the cluster is null, and it is the last. */
export function* readExtensions(
  { clusterBits, headerLength }: Header,
  file: HeaderFile,
): Generator<{ readonly type: number; readonly content: Buffer | null }> {
  const area = file.read(0, Math.min(2 ** Math.min(clusterBits, MAX_CLUSTER_BITS), file.size));
  // The list may end with the cluster, too.
  for (let at = headerLength; at + 8 <= area.length; ) {
    const type = area.readUInt32BE(at);
    const length = area.readUInt32BE(at + 4);
    const whole = length <= area.length - at - 8;
    // QEMU reads the length of the end, too.
    if (type === EXTENSION.end && whole) return;
    yield { type, content: whole ? area.subarray(at + 8, at + 8 + length) : null };
    if (!whole) return;
    at += 8 + Math.ceil(length / 8) * 8;
  }
}

function refuse(found: string, hint: string): Inspection {
  return { format: "refused", found, hint, recognised: "qcow2" };
}
