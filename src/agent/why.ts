import type { Allocation, TaskRecord } from "../allocation/allocation.ts";
import type { PostMortem } from "../allocation/post-mortem.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { redactChecksum, redactSource } from "../artifact/redact.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import { readUntrustedEnd } from "../base/files.ts";
import type { Job } from "../job/job.ts";
import { type MachineFiles, taskDirs } from "../paths.ts";
import type { LaunchPlan } from "../qemu/launch.ts";
import { withMachineFiles } from "../supervisor/own-files.ts";
import type { AgentContext } from "./context.ts";

/** One file that a task fetches. */
export interface FetchedArtifact {
  /** Without user info and query secrets. */
  readonly source: string;
  readonly destination: string;
  /** As the job demands it; null when it demands none. */
  readonly checksum: string | null;
}

/** Everything known of an end of a machine, and what the machine does now. */
export interface Why {
  readonly allocation: Allocation;
  readonly name: string;
  readonly task: TaskRecord;
  /** Every end that is kept, newest first. */
  readonly ends: readonly PostMortem[];
  /** The one that was asked for; null when none is kept. */
  readonly end: PostMortem | null;
  /** How that start was made; null when it came to none. */
  readonly plan: LaunchPlan | null;
  /** What happened to the task from the end before it to this one, oldest first; the last fifty. */
  readonly history: readonly TaskEvent[];
  readonly artifacts: readonly FetchedArtifact[];
}

const HISTORY_SHOWN = 50;
/** How much of a journal's end is handed out. */
const JOURNAL_TAIL = 1 << 20;

/** @throws AppError `not_found` when the end of that start is not kept. */
export function tellWhy(
  { store }: Pick<AgentContext, "store">,
  { allocation, name, task }: Pick<Why, "allocation" | "name" | "task">,
  job: Job | undefined,
  generation: number | undefined,
): Why {
  const kept = store.postMortems(allocation.id, name);
  const ends = kept.length === 0 ? fromRecord(task) : kept;
  const end = generation === undefined ? (ends[0] ?? null) : ends.find((one) => one.generation === generation);
  if (end === undefined) {
    const known = ends.map((one) => one.generation).join(", ");
    throw new AppError("not_found", `the end of start ${generation} of task "${name}" is not known`, {
      hint: known === "" ? "the task has not ended yet" : `those that are kept: ${known}`,
    });
  }
  const before = end === null ? undefined : ends[ends.indexOf(end) + 1];
  const history =
    end === null
      ? []
      : store.eventsBetween(allocation.id, name, {
          from: before === undefined ? 0 : before.ending.at + 1,
          to: end.ending.at,
          limit: HISTORY_SHOWN,
        });
  const plan = end === null ? undefined : store.launch(allocation.id, name, end.generation);
  const artifacts = artifactsOf(job, allocation.group, name);
  return { allocation, name, task, ends, end, plan: plan ?? null, history, artifacts };
}

/** What the record alone says of an end that a former version saw: it kept no post-mortem. */
function fromRecord({ machine, startedAt }: TaskRecord): PostMortem[] {
  if (machine.kind !== "ended" && machine.kind !== "backoff") return [];
  const { generation, ending } = machine;
  const next = { restart: machine.kind === "backoff", reason: "decided by a former version of paddock", delay: 0 };
  const versions = { paddock: "of before", kernel: "not known" };
  const endedAt = ending.at;
  return [{ generation, ending, startedAt, endedAt, pid: null, adopted: false, next, remains: null, versions }];
}

function artifactsOf(job: Job | undefined, groupName: string, name: string): FetchedArtifact[] {
  const group = job?.groups.find((candidate) => candidate.name === groupName);
  const task = group?.tasks.find((candidate) => candidate.name === name);
  return (task?.artifacts ?? []).map(({ source, destination, options }) => ({
    source: redactSource(source),
    destination,
    checksum: options["checksum"] === undefined ? null : redactChecksum(options["checksum"]),
  }));
}

/** The journal that QEMU wrote of a start. @throws AppError `conflict` when something else is in its place. */
export async function readJournal(
  { dirs }: Pick<AgentContext, "dirs">,
  allocationId: string,
  task: string,
  generation: number,
): Promise<Uint8Array> {
  const place = { dirs: taskDirs(dirs, allocationId, task), generation };
  try {
    const read = ({ journalOut }: MachineFiles) => readUntrustedEnd(journalOut, JOURNAL_TAIL) ?? Buffer.alloc(0);
    return await withMachineFiles(place, read);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return Buffer.alloc(0);
    // Its path is the agent's own affair.
    throw new AppError("conflict", `the journal of start ${generation} of task "${task}" cannot be read`, {
      cause: error,
    });
  }
}
