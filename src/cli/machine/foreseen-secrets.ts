import { BLANK, blankSecretData } from "../../base/redact.ts";
import type { Explanation } from "../../client/explanation.ts";
import { isTemplate } from "../../hcl/syntax/embedded.ts";
import type { Task } from "../../job/job.ts";
import { encodeJob } from "../../job/wire.ts";
import { blankSecrets, LEAST_SECRET, redactJobJson } from "../job/redact.ts";
import type { ForeseenMachine, ForeseenTask } from "./foreseen.ts";
import type { ScriptMark } from "./launch-script.ts";

type Entry = Explanation["Argv"][number];

/** What of a machine's words is nobody's to read who looks over a shoulder. */
export interface ForeseenSecrets {
  /** A word as it may be shown: what is reckoned from a secret, or from what only a start decides, as the job file has it. */
  readonly show: (entry: Entry) => string;
  /** Any other text without them. */
  readonly blank: (text: string) => string;
  /** The secrets that a script would hold, each with the parameter that it takes instead, and what that is. */
  readonly taken: readonly (ScriptMark & { readonly name: string; readonly what: string })[];
}

/** Finds the values of a job that are never shown, by the rules of plans and reports, among the words of its machine. */
export function findSecrets({ job, task }: ForeseenTask, machine: ForeseenMachine): ForeseenSecrets {
  const found = new Set<string>();
  redactJobJson(encodeJob(job), found);
  const variables = Object.entries(machine.env).filter(([name]) => !/^NOMAD_(?!META_)/.test(name));
  for (const [, value] of variables) found.add(value);
  const known: Known = { variables, found, config: task.config };
  return {
    show: (entry) => {
      const { Kind, Index } = entry.Origin;
      const [raw = ""] = writtenAs(entry, task.config);
      const isMade = madeOf(entry, known).length > 0;
      const isReckoned = Index !== null && machine.computed.includes(Index);
      // Of what else is made of several attributes nobody knows which part is secret.
      if (isMade && Kind !== "args") return BLANK;
      return blankSecrets(isMade || isReckoned ? raw : entry.Word, found);
    },
    blank: (text) => blankSecrets(text, found),
    taken: takenBy(machine.runnable.Argv, known),
  };
}

type Variable = readonly [name: string, value: string];

interface Known {
  readonly variables: readonly Variable[];
  readonly found: ReadonlySet<string>;
  readonly config: Task["config"];
}

/** The texts of the job file that a word was made of, where they hold `${…}`. */
function writtenAs({ Origin: { Kind, Index, Attribute } }: Entry, config: Task["config"]): string[] {
  const values: Readonly<Record<string, unknown>> = { ...config };
  const named = [...Attribute.matchAll(/\bconfig\.(\w+)/g)].map(([, name = ""]) => values[name]);
  const texts = Kind === "args" && Index !== null ? [config.args[Index]] : named;
  return texts.filter((text) => typeof text === "string").filter(isTemplate);
}

/** The variables that a word was made of. */
const madeOf = (entry: Entry, { variables, config }: Known): readonly Variable[] =>
  variables.filter(([name]) => writtenAs(entry, config).some((text) => wordPattern(name).test(text)));

const wordPattern = (name: string): RegExp => new RegExp(`\\b${escapeName(name)}\\b`);
const escapeName = (name: string): string => name.replace(/\W/g, "\\$&");

/** Whether the value of a variable stands in a word as it is, and long enough to be told from everything else in it. */
function standsAlone(entry: Entry, [name, value]: Variable, config: Task["config"]): boolean {
  const plain = new RegExp(
    `\\$\\{\\s*(env\\["${escapeName(name)}"\\]|env\\.${escapeName(name)}|${escapeName(name)})\\s*\\}`,
    "g",
  );
  const left = writtenAs(entry, config).map((text) => text.replace(plain, ""));
  return value.length >= LEAST_SECRET && !left.some((text) => wordPattern(name).test(text));
}

/** Whether whoever runs a script can say a value by this name: the script has names of its own, and every shell some that are set. */
const isParameter = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name) && !OF_SHELLS.test(name);

const OF_SHELLS =
  /^(task|place|args_\d+|secret_\d+|_|[A-Z]*PATH|[A-Z]*PWD|[A-Z]*HOME|TMPDIR|IFS|ENV|E?[UG]ID|PPID|USER|LOGNAME|HOSTNAME|SHELL|SHELLOPTS|BASH.*|TERM|LANG|LC_.*|LINENO|OPT(ARG|IND)|PS\d|DISPLAY)$/;

function takenBy(argv: readonly Entry[], known: Known): ForeseenSecrets["taken"] {
  const { variables, found, config } = known;
  const taken = new Map<string, { name: string; what: string }>();
  const take = (text: string, what: string, name = `secret_${taken.size + 1}`): void => {
    if (!taken.has(text)) taken.set(text, { name, what });
  };
  for (const entry of argv) {
    const { Word, Origin } = entry;
    if (madeOf(entry, known).some((variable) => !standsAlone(entry, variable, config))) {
      if (Origin.Kind === "args") take(Word, `args[${Origin.Index}] with its values`, `args_${Origin.Index}`);
      else take(Word, `${Origin.Attribute} with its values`);
    }
    for (const [name, value] of variables) {
      if (value.length < LEAST_SECRET || !Word.includes(value)) continue;
      take(value, `${name} of the task's environment`, isParameter(name) ? name : undefined);
    }
    for (const text of found) {
      if (text.length >= LEAST_SECRET && Word.includes(text)) take(text, "a value that is never shown");
    }
    if (blankSecretData(Word) === Word) continue;
    for (const [, data = ""] of Word.matchAll(/(?:^|,)data=((?:,,|[^,])+)/g))
      take(data, "the data of a secret of QEMU's");
  }
  return [...taken].map(([text, { name, what }]) => ({ text, name, what, shell: `"$${name}"` }));
}
