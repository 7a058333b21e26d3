import { readdirSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import { escapeControls, shellWord } from "../base/text.ts";
import type { Finding } from "../cli/text/finding.ts";
import { type AgentDirs, allocsDir, isMachineSocketsName, machineSockets } from "../paths.ts";
import { type HostProcess, parentOf, processesNaming, stillRuns } from "./processes.ts";
import type { Records } from "./records.ts";

/** More findings of one kind than this are counted, not listed. */
const LISTED = 20;
/** More of a command line than this is not shown. */
const SHOWN = 120;

/**
 * The processes that name files of the agent's; to be looked for before the records are read, so that a machine which starts
 * meanwhile is no stranger.
 */
export function findNamers(dirs: AgentDirs): readonly HostProcess[] {
  return processesNaming([`${allocsDir(dirs)}/`, `${dirs.runDir}/`]);
}

/** What is below the agent's directories, or names what is there, and belongs to no record. Nothing is known without records. */
export function examineStrangers(
  dirs: AgentDirs,
  records: Records,
  namers: readonly HostProcess[],
): readonly Finding[] {
  if (records === null) {
    const message = "whether there are strangers is not known without the records of the agent or its store";
    return [{ check: "strangers", level: "warning", message, remedy: null }];
  }
  const found = [
    ...few(examineProcesses(dirs, records, namers)),
    ...few(examineAllocations(dirs, records)),
    ...few(examineSockets(dirs, records, namers)),
  ];
  if (found.length > 0) return found;
  const message = "every process, directory and socket below the agent's directories belongs to a record";
  return [{ check: "strangers", level: "ok", message, remedy: null }];
}

type Known = NonNullable<Records>;

function few(findings: readonly Finding[]): readonly Finding[] {
  const [first] = findings;
  if (first === undefined || findings.length <= LISTED) return findings;
  const message = `and ${findings.length - LISTED} more like these`;
  return [...findings.slice(0, LISTED), { ...first, message, remedy: null }];
}

interface MachineName {
  readonly allocationId: string;
  readonly task: string;
}

/** The machine that a process was started as, by the journal on its command line. */
function machineNamed(dirs: AgentDirs, { words }: HostProcess): MachineName | undefined {
  const start = `${allocsDir(dirs)}/`;
  for (const word of words) {
    const at = word.indexOf(start);
    const match = at < 0 ? null : /^([0-9a-f-]{36})\/([^/]+)\/\.paddock\/ev\.\d+/.exec(word.slice(at + start.length));
    if (match !== null) return { allocationId: match[1] ?? "", task: match[2] ?? "" };
  }
  return undefined;
}

/** QEMU or the shell around it: another program that names a journal is somebody who looks at it. */
function isMachineProgram({ program, words }: HostProcess): boolean {
  return program.startsWith("qemu-system-") || words.includes("paddock-machine");
}

function examineProcesses(dirs: AgentDirs, records: Known, namers: readonly HostProcess[]): readonly Finding[] {
  return namers.flatMap((found) => {
    const machine = machineNamed(dirs, found);
    const expected = machine === undefined ? namesOwned(dirs, records, found) : isOwned(found, machine, records);
    if (expected || !stillRuns(found)) return [];
    return [machine !== undefined && isMachineProgram(found) ? strangeMachine(found, machine) : onlooker(found)];
  });
}

/** Whether all that a process names is the API's socket, or of allocations and machines that are known: people look at logs. */
function namesOwned(dirs: AgentDirs, records: Known, { words }: HostProcess): boolean {
  const alloc = `${allocsDir(dirs)}/`;
  const run = `${dirs.runDir}/`;
  const sockets = liveSockets(dirs, records);
  return words.every((word) => {
    if (word.includes(alloc)) return records.has(word.slice(word.indexOf(alloc) + alloc.length).split("/")[0] ?? "");
    if (!word.includes(run)) return true;
    const [name = ""] = word.slice(word.indexOf(run) + run.length).split(/[/,]/);
    return !isMachineSocketsName(name) || sockets.has(join(dirs.runDir, name));
  });
}

/** The directories of sockets that machines have now. */
function liveSockets(dirs: AgentDirs, records: Known): ReadonlySet<string> {
  return new Set(
    [...records].flatMap(([id, tasks]) =>
      [...tasks].filter(([, { live }]) => live).map(([task]) => machineSockets(dirs, id, task).dir),
    ),
  );
}

function isOwned(found: HostProcess, { allocationId, task }: MachineName, records: Known): boolean {
  const recorded = records.get(allocationId)?.get(task);
  if (recorded === undefined || !recorded.live) return false;
  return recorded.pid === null || recorded.pid === found.pid || parentOf(recorded.pid) === found.pid;
}

const describe = ({ pid, uid, program }: HostProcess): string =>
  `process ${pid} (${escapeControls(program.slice(0, SHOWN))}, user ${uid})`;

function strangeMachine(found: HostProcess, { allocationId, task }: MachineName): Finding {
  const which = `task "${escapeControls(task.slice(0, SHOWN))}" of allocation ${shortId(allocationId)}`;
  return {
    check: "strangers",
    level: "problem",
    message: `${describe(found)} says that it is the machine of ${which}, and no record owns it`,
    remedy: `look at it: ps -fp ${found.pid}; end it when it is nobody's: kill ${found.pid}`,
  };
}

function onlooker(found: HostProcess): Finding {
  const line = escapeControls(found.words.join(" ").slice(0, SHOWN));
  return {
    check: "strangers",
    level: "warning",
    message: `${describe(found)} names files of the agent's: ${line}`,
    remedy: `see who it is: ps -fp ${found.pid}`,
  };
}

function examineAllocations(dirs: AgentDirs, records: Known): readonly Finding[] {
  return listed(allocsDir(dirs))
    .filter((name) => !records.has(name))
    .map((name): Finding => {
      const path = join(allocsDir(dirs), name);
      return {
        check: "strangers",
        level: "warning",
        message: `${escapeControls(path)} belongs to no allocation`,
        remedy: `when nothing in it is needed: rm -r ${shellWord(path)}`,
      };
    });
}

function examineSockets(dirs: AgentDirs, records: Known, namers: readonly HostProcess[]): readonly Finding[] {
  const owned = liveSockets(dirs, records);
  return listed(dirs.runDir)
    .filter(isMachineSocketsName)
    .map((name) => join(dirs.runDir, name))
    .filter((path) => !owned.has(path) && !namers.some(({ words }) => words.some((word) => word.includes(path))))
    .map((path): Finding => {
      const message = `${path} holds sockets of a machine that has ended`;
      return { check: "strangers", level: "warning", message, remedy: "the agent removes it when it starts" };
    });
}

function listed(path: string): readonly string[] {
  try {
    return readdirSync(path).toSorted();
  } catch (error) {
    // That a directory cannot be used is a finding of its own.
    if (errnoOf(error) !== undefined) return [];
    throw error;
  }
}
