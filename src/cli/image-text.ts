import { formatBytes, toWireTime } from "../base/units.ts";
import type { ImageDescription } from "../image/describe.ts";
import type { Qcow2Facts } from "../image/qcow2-facts.ts";
import type { Piece } from "./style.ts";
import { alignFacts, alignTable } from "./table.ts";
import { formatTime } from "./time.ts";

/** More snapshots than this are counted and not listed. */
const LISTED = 20;

/** What an image is, with a verdict as the last line. */
export function describeImageFacts(path: string, image: ImageDescription, columns: number): Piece[][] {
  const { format, virtualSize, fileSize, diskSize, qcow2, refused } = image;
  const facts: [string, Piece][] = [
    ["File", path],
    ["Format", formatText(format, qcow2)],
    ["Virtual size", virtualSize === null ? "unknown" : exactBytes(virtualSize)],
    ["File size", exactBytes(fileSize)],
    ["Size on disk", formatBytes(diskSize)],
    ...(qcow2 === null ? [] : qcow2Facts(qcow2)),
    ["For a job", refused === null ? { text: "yes", style: "green" } : { text: `no: ${refused.found}`, style: "red" }],
  ];
  return alignFacts(facts, columns);
}

function formatText(format: string | null, qcow2: Qcow2Facts | null): string {
  if (format === null) return "unknown";
  return qcow2 === null ? format : `${format}, version ${qcow2.version}`;
}

function exactBytes(bytes: number): string {
  // Beyond 8 PiB the number is no exact one.
  if (bytes < 1024 || !Number.isSafeInteger(bytes)) return formatBytes(bytes);
  return `${formatBytes(bytes)} (${bytes} bytes)`;
}

function qcow2Facts(qcow2: Qcow2Facts): [string, Piece][] {
  const { clusterSize, compression, backingFile, backingFormat, dataFile, encryption, dirty, corrupt } = qcow2;
  const backing = backingFormat === null ? "" : `, as ${backingFormat}`;
  return [
    ["Cluster size", clusterSize === null ? "not valid" : formatBytes(clusterSize)],
    ["Compression", compression],
    ["Reference counts", `${qcow2.refcountBits} bits${qcow2.lazyRefcounts ? ", lazy" : ""}`],
    ...whenTrue(qcow2.subclusters, "Subclusters", "yes"),
    ...whenTrue(backingFile !== null, "Backing file", `${backingFile || "<no name>"}${backing}`),
    ...whenTrue(dataFile !== null, "Data file", dataFile || "<no name>"),
    ...whenTrue(encryption !== null, "Encryption", encryption ?? ""),
    ...whenTrue(dirty, "Dirty", "yes: it was not closed; QEMU mends its reference counts when it opens it"),
    ...whenTrue(corrupt, "Corrupt", "yes: QEMU found damage in it"),
  ];
}

function whenTrue(shown: boolean, name: string, value: string): [string, Piece][] {
  return shown ? [[name, value]] : [];
}

/** The snapshots inside an image that has some. */
export function describeSnapshots({ snapshotCount, snapshots }: Qcow2Facts, columns: number): Piece[][] {
  const listed = snapshots.slice(0, LISTED);
  const rows = listed.map(({ id, name, takenAt, stateBytes }) => [
    id,
    formatTime(toWireTime(takenAt)) || "-",
    stateBytes === 0 ? "-" : formatBytes(stateBytes),
    name,
  ]);
  const more = snapshotCount - listed.length;
  return [
    ...(listed.length === 0 ? [] : alignTable(["Snapshot", "Taken", "Machine state", "Name"], rows, columns)),
    ...(more > 0 ? [[`${more} ${listed.length === 0 ? "" : "more "}snapshots are not listed`]] : []),
  ];
}

/** The description as `-json` prints it. */
export function encodeImage(path: string, image: ImageDescription) {
  const { format, virtualSize, fileSize, diskSize, qcow2, refused } = image;
  return {
    Path: path,
    Format: format,
    VirtualSize: virtualSize,
    FileSize: fileSize,
    DiskSize: diskSize,
    Qcow2: qcow2 === null ? null : encodeQcow2(qcow2),
    Refused: refused === null ? null : { Found: refused.found, Hint: refused.hint },
  };
}

function encodeQcow2(qcow2: Qcow2Facts) {
  return {
    Version: qcow2.version,
    ClusterSize: qcow2.clusterSize,
    Compression: qcow2.compression,
    RefcountBits: qcow2.refcountBits,
    LazyRefcounts: qcow2.lazyRefcounts,
    Subclusters: qcow2.subclusters,
    Dirty: qcow2.dirty,
    Corrupt: qcow2.corrupt,
    Encryption: qcow2.encryption,
    BackingFile: qcow2.backingFile,
    BackingFormat: qcow2.backingFormat,
    DataFile: qcow2.dataFile,
    SnapshotCount: qcow2.snapshotCount,
    Snapshots: qcow2.snapshots.map(({ id, name, takenAt, stateBytes }) => ({
      ID: id,
      Name: name,
      TakenAt: toWireTime(takenAt),
      StateBytes: stateBytes,
    })),
  };
}
