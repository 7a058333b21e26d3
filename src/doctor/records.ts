import { type Allocation, isTerminal } from "../allocation/allocation.ts";
import { AppError } from "../base/errors.ts";
import { trySocket } from "../base/try-socket.ts";
import type { Finding } from "../cli/text/finding.ts";
import { ask, createClient } from "../client/client.ts";
import { type AgentDirs, apiSocket, databaseFile } from "../paths.ts";
import { build } from "../runtime/build.ts";
import { lookIntoStore, type StoreLook } from "../state/inspect.ts";

/** What a record says of one machine. */
export interface RecordedMachine {
  /** True while it has not ended for good. */
  readonly live: boolean;
  /** QEMU's, null while it has none or is just being started. */
  readonly pid: number | null;
}

/** Allocations by id, and in them machines by task; null when nobody could be asked, and then nothing is a stranger. */
export type Records = ReadonlyMap<string, ReadonlyMap<string, RecordedMachine>> | null;

/** Asks the agent, or else the store, what there should be. */
export async function examineRecords(
  dirs: AgentDirs,
): Promise<{ readonly records: Records; readonly findings: readonly Finding[] }> {
  const agent = await askAgent(dirs);
  const store = examineStore(dirs);
  const findings = [agent.finding, ...store.findings];
  if (agent.records !== null) {
    // The agent tells of none that it is just removing.
    const removing = [...(store.records ?? [])].filter(([, tasks]) => tasks.size === 0);
    return { records: new Map([...agent.records, ...removing]), findings };
  }
  const left = [...(store.records?.values() ?? [])].flatMap((tasks) => [...tasks.values()]);
  const running = left.filter(({ live, pid }) => live && pid !== null).length;
  if (agent.finding.level !== "ok" || running === 0) return { records: store.records, findings };
  const message = `no agent looks after ${running} ${running === 1 ? "machine" : "machines"} that had not ended when the last one did`;
  const orphans: Finding = { check: "agent", level: "warning", message, remedy: "start it: paddock agent" };
  return { records: store.records, findings: [...findings, orphans] };
}

interface Answer {
  readonly records: Records;
  readonly finding: Finding;
}

async function askAgent(dirs: AgentDirs): Promise<Answer> {
  const path = apiSocket(dirs);
  const say = (level: Finding["level"], message: string, remedy: string | null = null): Finding => {
    return { check: "agent", level, message, remedy };
  };
  const client = createClient({ kind: "unix", path });
  const signal = AbortSignal.timeout(AGENT_MILLIS);
  try {
    const { stats } = await client.read(ask.self(), signal);
    const version = stats["paddock"]?.["version"] ?? "unknown";
    const allocations = await client.read(ask.allocations(), signal);
    const records = new Map(
      allocations.map(({ ID, TaskStates }) => {
        const tasks = Object.entries(TaskStates).map(([name, { State, Paddock }]) => {
          return [name, { live: State !== "dead", pid: Paddock?.Pid ?? null }] as const;
        });
        return [ID, new Map(tasks)] as const;
      }),
    );
    if (version === build.version) return { records, finding: say("ok", `version ${version} answers at ${path}`) };
    const message = `version ${version} answers at ${path}, this is version ${build.version}`;
    const remedy = "restart the agent to have the new version; the machines run on";
    return { records, finding: say("warning", message, remedy) };
  } catch (error) {
    if (signal.aborted) {
      const remedy = "look at its log, and restart it when it hangs; the machines run on";
      return { records: null, finding: say("problem", `the agent at ${path} does not answer`, remedy) };
    }
    if (!(error instanceof AppError)) throw error;
    const silence = await trySocket(path);
    if (silence === "ENOENT" || silence === "ECONNREFUSED")
      return { records: null, finding: say("ok", `no agent runs with ${path}`) };
    return { records: null, finding: say("problem", error.message.split("\n")[0] ?? "", error.hint ?? null) };
  }
}

/** How long the agent has to answer. */
const AGENT_MILLIS = 5_000;

function examineStore(dirs: AgentDirs): { readonly records: Records; readonly findings: readonly Finding[] } {
  const path = databaseFile(dirs);
  const say = (level: Finding["level"], message: string, remedy: string | null = null): readonly Finding[] => [
    { check: "store", level, message, remedy },
  ];
  try {
    const look = lookIntoStore(path);
    if (look === undefined) return { records: new Map(), findings: say("ok", `${path} is not there yet`) };
    const { version, known, allocations, removing } = look;
    if (version > known) {
      const message = `${path} has schema version ${version}, this paddock knows versions up to ${known}`;
      return { records: null, findings: say("problem", message, "run the newer paddock that wrote it") };
    }
    const count = `${allocations.length} ${allocations.length === 1 ? "allocation" : "allocations"}`;
    const stuck = removing.flatMap(({ trouble }) => (trouble === undefined ? [] : [stuckFinding(trouble)]));
    const findings = [...say("ok", `${path} is readable and has ${count}`), ...stuck.slice(0, LISTED)];
    return { records: recordsOf(allocations, removing), findings };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const remedy = "run this command as the agent's user; if it is damaged, put back a copy of the file";
    return { records: null, findings: say("problem", error.message, remedy) };
  }
}

/** More allocations that cannot be removed are not listed. */
const LISTED = 20;

function stuckFinding(trouble: string): Finding {
  const remedy = "when nothing stands in the way any more: paddock system gc; the agent itself tries again each hour";
  return { check: "garbage", level: "warning", message: trouble, remedy };
}

function recordsOf(allocations: readonly Allocation[], removing: StoreLook["removing"]): Records {
  const gone = removing.map(({ allocationId }) => [allocationId, new Map<string, RecordedMachine>()] as const);
  const known = allocations.map((allocation) => {
    const ended = isTerminal(allocation);
    const tasks = Object.entries(allocation.tasks).map(([name, { machine }]) => {
      const pid = machine.kind === "running" || machine.kind === "stopping" ? machine.identity.pid : null;
      return [name, { live: !ended && machine.kind !== "ended", pid }] as const;
    });
    return [allocation.id, new Map(tasks)] as const;
  });
  return new Map([...gone, ...known]);
}
