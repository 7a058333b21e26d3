import { formatBytes } from "../../base/units.ts";
import type { ImageFile, Qcow2 } from "../../client/images.ts";
import type { Piece } from "../terminal/style.ts";
import { alignFacts, alignRows, alignTable } from "../terminal/table.ts";
import type { Output } from "../terminal/terminal.ts";
import { formatTime } from "../terminal/time.ts";

/** More snapshots than this are counted and not listed. */
const LISTED = 20;

/**
 * Prints what an image is, with the verdict and the snapshots inside it.
 * @param before facts that stand above those of its header.
 */
export function printImage(before: readonly (readonly [string, Piece])[], image: ImageFile, out: Output): void {
  for (const line of alignFacts([...before, ...factsOf(image)], out.columns)) out.line(...line);
  const { Refused, Qcow2 } = image;
  if (Refused !== null) {
    for (const line of alignRows([[{ text: `→ ${Refused.Hint}`, style: "cyan" }]], out.columns)) out.line(...line);
  }
  if (Qcow2 === null || Qcow2.SnapshotCount === 0) return;
  out.line();
  for (const line of describeSnapshots(Qcow2, out.columns)) out.line(...line);
}

function factsOf(image: ImageFile): [string, Piece][] {
  const { VirtualSize, FileSize, DiskSize, Qcow2, Refused } = image;
  return [
    ["Format", formatText(image)],
    ["Virtual size", VirtualSize === null ? "unknown" : exactBytes(VirtualSize)],
    ["File size", exactBytes(FileSize)],
    ["Size on disk", formatBytes(DiskSize)],
    ...(Qcow2 === null ? [] : qcow2Facts(Qcow2)),
    ["For a job", Refused === null ? { text: "yes", style: "green" } : { text: `no: ${Refused.Found}`, style: "red" }],
  ];
}

function formatText({ Format: format, CDROM: isCdrom, Qcow2: qcow2 }: ImageFile): string {
  if (format === null) return "unknown";
  if (isCdrom) return "iso (CD-ROM)";
  return qcow2 === null ? format : `${format}, version ${qcow2.Version}`;
}

/** A size for people and for programs. */
export function exactBytes(bytes: number): string {
  // Beyond 8 PiB the number is no exact one.
  if (bytes < 1024 || !Number.isSafeInteger(bytes)) return formatBytes(bytes);
  return `${formatBytes(bytes)} (${bytes} bytes)`;
}

function qcow2Facts(qcow2: Qcow2): [string, Piece][] {
  const { ClusterSize, BackingFile, BackingFormat, DataFile, Encryption } = qcow2;
  const backing = BackingFormat === null ? "" : `, as ${BackingFormat}`;
  return [
    ["Cluster size", ClusterSize === null ? "not valid" : formatBytes(ClusterSize)],
    ["Compression", qcow2.Compression],
    ["Refcounts", `${qcow2.RefcountBits} bits${qcow2.LazyRefcounts ? ", lazy" : ""}`],
    ...whenTrue(qcow2.Subclusters, "Subclusters", "yes"),
    ...whenTrue(BackingFile !== null, "Backing file", `${BackingFile || "<no name>"}${backing}`),
    ...whenTrue(DataFile !== null, "Data file", DataFile || "<no name>"),
    ...whenTrue(Encryption !== null, "Encryption", Encryption ?? ""),
    ...whenTrue(qcow2.Dirty, "Dirty", "yes: it was not closed; QEMU mends its reference counts when it opens it"),
    ...whenTrue(qcow2.Corrupt, "Corrupt", "yes: QEMU found damage in it"),
  ];
}

function whenTrue(shown: boolean, name: string, value: string): [string, Piece][] {
  return shown ? [[name, value]] : [];
}

function describeSnapshots({ SnapshotCount, Snapshots }: Qcow2, columns: number): Piece[][] {
  const listed = Snapshots.slice(0, LISTED);
  const rows = listed.map(({ ID, Name, TakenAt, StateBytes }) => [
    ID,
    formatTime(TakenAt) || "-",
    StateBytes === 0 ? "-" : formatBytes(StateBytes),
    Name,
  ]);
  const more = SnapshotCount - listed.length;
  return [
    ...(listed.length === 0 ? [] : alignTable(["Snapshot", "Taken", "Machine state", "Name"], rows, columns)),
    ...(more > 0 ? [[`${more} ${listed.length === 0 ? "" : "more "}snapshots are not listed`]] : []),
  ];
}
