import * as v from "valibot";
import type { QmpClient } from "./client.ts";
import { QmpError } from "./errors.ts";

/** What a drive of a machine has done since QEMU's start. */
export interface DriveCounters {
  /** QEMU's name of it: `image0`; made of printable ASCII and no two of a machine alike. */
  readonly name: string;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly reads: number;
  readonly writes: number;
  readonly flushes: number;
  /** Requests of the guest that failed. */
  readonly readErrors: number;
  readonly writeErrors: number;
}

/** A thread of QEMU that runs a processor of the guest; TCG may run several by one. */
export interface VcpuThread {
  readonly index: number;
  /** As QEMU says it: not to be believed before it was found among the threads of its process. */
  readonly threadId: number;
}

/** A QEMU that a guest has taken over may name as many as it likes. */
const MOST_DRIVES = 64;
const MOST_VCPUS = 1024;
const MAX_NAME = 64;

const Amount = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
/** What is no count is none. */
const Counter = v.fallback(Amount, 0);
const Drive = v.object({
  device: v.fallback(v.string(), ""),
  qdev: v.fallback(v.string(), ""),
  /** Absent for a drive without a medium. */
  "node-name": v.string(),
  stats: v.object({
    rd_bytes: Counter,
    wr_bytes: Counter,
    rd_operations: Counter,
    wr_operations: Counter,
    flush_operations: Counter,
    failed_rd_operations: Counter,
    failed_wr_operations: Counter,
  }),
});
const Vcpu = v.object({ "cpu-index": Amount, "thread-id": Amount });
const Balloon = v.object({ actual: Amount });

/** The drives with a medium and what they did; entries that are not of the form they should have are passed over. */
export async function queryBlockStats(client: QmpClient, deadlineMillis: number): Promise<readonly DriveCounters[]> {
  return readBlockStats(await client.execute("query-blockstats", undefined, { deadlineMillis }));
}

/** Reads an answer to `query-blockstats`. @throws QmpError `refused` when it is no list. */
export function readBlockStats(answer: unknown): readonly DriveCounters[] {
  const drives = new Map<string, DriveCounters>();
  for (const entry of listOf("query-blockstats", answer).slice(0, MOST_DRIVES)) {
    const { success, output: drive } = v.safeParse(Drive, entry);
    if (!success) continue;
    const name = nameOf(drive.device) ?? nameOf(drive.qdev) ?? nameOf(drive["node-name"]) ?? `drive${drives.size}`;
    if (drives.has(name)) continue;
    const { stats } = drive;
    drives.set(name, {
      name,
      readBytes: stats.rd_bytes,
      writtenBytes: stats.wr_bytes,
      reads: stats.rd_operations,
      writes: stats.wr_operations,
      flushes: stats.flush_operations,
      readErrors: stats.failed_rd_operations,
      writeErrors: stats.failed_wr_operations,
    });
  }
  return [...drives.values()];
}

/** The threads that run the guest's processors. */
export async function queryVcpuThreads(client: QmpClient, deadlineMillis: number): Promise<readonly VcpuThread[]> {
  return readVcpuThreads(await client.execute("query-cpus-fast", undefined, { deadlineMillis }));
}

/** Reads an answer to `query-cpus-fast`. @throws QmpError `refused` when it is no list. */
export function readVcpuThreads(answer: unknown): readonly VcpuThread[] {
  const threads = new Map<number, VcpuThread>();
  for (const entry of listOf("query-cpus-fast", answer).slice(0, MOST_VCPUS)) {
    const { success, output } = v.safeParse(Vcpu, entry);
    if (!success) continue;
    threads.set(output["cpu-index"], { index: output["cpu-index"], threadId: output["thread-id"] });
  }
  return [...threads.values()];
}

/** Bytes that the guest has by its balloon. @throws QmpError `refused` when the machine has none, as every one without such a device. */
export async function queryBalloon(client: QmpClient, deadlineMillis: number): Promise<number> {
  const { success, output } = v.safeParse(
    Balloon,
    await client.execute("query-balloon", undefined, { deadlineMillis }),
  );
  if (success) return output.actual;
  throw malformed("query-balloon");
}

function listOf(command: string, answer: unknown): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  throw malformed(command);
}

const malformed = (command: string): QmpError =>
  new QmpError("refused", `${command}: QEMU's answer is not of the form it should have`);

/** Long names are those of `qdev` paths, whose end tells them apart. */
function nameOf(text: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(text) ? text.slice(-MAX_NAME) : undefined;
}
