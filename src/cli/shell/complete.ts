import type { Command } from "../command.ts";
import { allFlags, type Flag } from "../flags.ts";

/** What may stand where a word is completed. */
export interface Wanted {
  /** Words that are known beforehand, each with what it does. */
  readonly words: readonly Candidate[];
  /** What the agent has names of. */
  readonly names: readonly NameKind[];
  /** Files of this host. */
  readonly files: boolean;
}

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** What an operand or a flag names: a job, a machine in any form, an allocation, a task of what stands before it, an image. */
export type NameKind = "job" | "machine" | "allocation" | "task" | "image" | "group";

/** The words of a command line behind the program's name, the last one the word that is completed, "" for a new one. */
export interface Line {
  readonly words: readonly string[];
}

const NOTHING: Wanted = { words: [], names: [], files: false };
const FILES: Wanted = { ...NOTHING, files: true };

/**
 * What may stand in the place of the last word of a command line.
 * @param words behind the program's name; shells have broken `-flag=value` at its `=` or not.
 */
export function wantedAt(commands: readonly Command[], given: readonly string[]): Wanted {
  const words = withoutBreaks(given);
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  if (before[0] === "help") return { ...NOTHING, words: commandWords(commands, before.slice(1)) };
  const found = findCommand(commands, before);
  if (found === undefined) return { ...NOTHING, words: commandWords(commands, before) };
  const { command, rest } = found;
  const flags = allFlags(command.flags);
  const { operands, open, ended } = readWords(rest, flags);
  if (open !== undefined) return ofValue(open);
  if (current.startsWith("-") && !ended) return { ...NOTHING, words: flagWords(flags) };
  // A command such as `job run` is one of several of its group, and `status` of nobody's.
  return ofOperand(command, operands.length);
}

/** `-flag`, `=` and `value` as bash hands them over become `-flag` and `value`. */
function withoutBreaks(words: readonly string[]): string[] {
  return words
    .filter((word, at) => word !== "=" || at === words.length - 1 || !words[at - 1]?.startsWith("-"))
    .map((word, at, all) => (word === "=" && at === all.length - 1 ? "" : word));
}

function findCommand(commands: readonly Command[], words: readonly string[]) {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    const command = words.length >= length ? commands.find(({ names }) => names.includes(name)) : undefined;
    if (command !== undefined) return { command, rest: words.slice(length) };
  }
  return undefined;
}

/** The next words of the names of commands that begin with these. */
function commandWords(commands: readonly Command[], begun: readonly string[]): Candidate[] {
  const found = new Map<string, string>();
  for (const { names, summary } of commands) {
    for (const name of names) {
      const parts = name.split(" ");
      const word = parts[begun.length];
      if (word === undefined || !begun.every((part, at) => parts[at] === part)) continue;
      const isWhole = parts.length === begun.length + 1;
      if (isWhole || !found.has(word))
        found.set(word, isWhole ? summary : `Commands of paddock ${[...begun, word].join(" ")}`);
    }
  }
  if (begun.length === 0) found.set("help", "Explain a command");
  return [...found].map(([word, about]) => ({ word, about }));
}

interface ReadWords {
  readonly operands: readonly string[];
  /** The flag whose value comes next. */
  readonly open: Flag | undefined;
  /** Behind `--`. */
  readonly ended: boolean;
}

function readWords(words: readonly string[], flags: readonly Flag[]): ReadWords {
  const operands: string[] = [];
  let open: Flag | undefined;
  for (const [at, word] of words.entries()) {
    if (open !== undefined) {
      open = undefined;
      continue;
    }
    if (word === "--") return { operands: [...operands, ...words.slice(at + 1)], open: undefined, ended: true };
    const [, name, value] = /^--?([^=-][^=]*)(=.*)?$/s.exec(word) ?? [];
    if (name === undefined) operands.push(word);
    else if (value === undefined) open = flags.find((flag) => flag.name === name && flag.value !== undefined);
  }
  return { operands, open, ended: false };
}

function flagWords(flags: readonly Flag[]): Candidate[] {
  const own = flags.map(({ name, on, help }) => ({ word: `-${name}${on === true ? "=false" : ""}`, about: help }));
  return [...own, { word: "-help", about: "Explain this command." }];
}

const VALUES: Readonly<Record<string, readonly string[]>> = {
  LEVEL: ["trace", "debug", "info", "warn", "error"],
  SIGNAL: ["SIGTERM", "SIGINT", "SIGKILL", "SIGCONT"],
};

function ofValue({ name, value = "" }: Flag): Wanted {
  if (/FILE|DIR|PATH|BINARY/.test(value)) return FILES;
  if (value === "TASK") return { ...NOTHING, names: ["task"] };
  if (name === "address") return FILES;
  return { ...NOTHING, words: (VALUES[value] ?? []).map((word) => ({ word, about: "" })) };
}

const NAMES: Readonly<Record<string, NameKind>> = {
  JOB: "job",
  NAME: "machine",
  ALLOCATION: "allocation",
  TASK: "task",
  CHECKSUM: "image",
  GROUP: "group",
};

function ofOperand({ names, operands }: Command, at: number): Wanted {
  const words = operands.replace(/[[\]]/g, "").split(" ").filter(Boolean);
  const last = words.at(-1) ?? "";
  const word = words[at] ?? (last.endsWith("…") ? last : "");
  // What a bundle is made of are files of jobs.
  const kinds = names.includes("image bundle") ? ["FILE"] : word.replace("…", "").split("|");
  const known = kinds.filter((kind) => /^[a-z]/.test(kind)).map((kind) => ({ word: kind, about: "" }));
  return {
    words: known,
    names: kinds.flatMap((kind) => NAMES[kind] ?? []),
    files: kinds.some((kind) => kind === "FILE" || kind === "SOURCE"),
  };
}
