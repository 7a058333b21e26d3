import type { Difference, Outcome } from "./differences.ts";

/** The YAML of an expression that is only the decoding of a text, with each end of a line as a line feed; "" for any other. */
function yamlOf({ expression }: Outcome): string {
  const [, quoted] = /^yamldecode\(("[\s\S]*")\)$/.exec(expression) ?? [];
  if (quoted === undefined) return "";
  const text = JSON.parse(quoted.replaceAll("$${", "${").replaceAll("%%{", "%{")) as string;
  return text.replace(/\r\n?|\x85/g, "\n");
}

/** Where the library refuses what libyaml takes. */
const isRefused = ({ theirs, ours }: Outcome): boolean => theirs !== undefined && ours === undefined;
const isTaken = ({ theirs, ours }: Outcome): boolean => theirs === undefined && ours !== undefined;

/** Where YAML is read by YAML 1.2 and not as libyaml reads it: nothing of this is what people write. */
export const YAML_DIFFERENCES: readonly Difference[] = [
  {
    reason:
      "A byte order mark within YAML is a character like others. libyaml asks where it stands in a way of its own.",
    applies: (outcome) => /[\s\S]\ufeff/.test(yamlOf(outcome)),
  },
  {
    reason: "An infinite number of YAML is an error also where another value takes its place.",
    applies: ({ expression, ours }) => ours === undefined && /yamldecode\(.*\.inf/i.test(expression),
  },
  {
    reason:
      "The separators of Unicode are refused outside of escapes: readers of YAML do not agree whether they end a line.",
    applies: (outcome) => isRefused(outcome) && /[\u2028\u2029]/.test(yamlOf(outcome)),
  },
  {
    reason: "A dash alone within brackets is no text in YAML 1.2, and refused.",
    applies: (outcome) => isRefused(outcome) && /[[{][\s\S]*-[,\]}]/.test(yamlOf(outcome)),
  },
  {
    reason:
      "Nothing of a block of text stands further left than what it is a part of; for libyaml such a text is empty.",
    applies: (outcome) => isRefused(outcome) && /[|>][-+]?[ \t]*(#.*)?\n\s*#|(^|\n)(\S+ )?[|>]/.test(yamlOf(outcome)),
  },
  {
    reason: "Behind a tab --- is still the beginning of a document, within brackets as well.",
    applies: (outcome) => isRefused(outcome) && /\n\t(---|\.\.\.)\s/.test(yamlOf(outcome)),
  },
  {
    reason: "A tag before a key that is not there is that of the map.",
    applies: (outcome) => isRefused(outcome) && /!\w* :/.test(yamlOf(outcome)),
  },
  {
    reason: "A block of text that tells its indentation and has lines of spaces alone has another number of them.",
    applies: (outcome) => /[|>][-+]?[1-9][\s\S]*\n +(\n|$)/.test(yamlOf(outcome)),
  },
  {
    reason: "Tabs are taken where they indent nothing: in empty lines, behind a dash, and before the text of a block.",
    applies: (outcome) => isTaken(outcome) && yamlOf(outcome).includes("\t"),
  },
  {
    reason: "A lone ! before a list or map means nothing, as in YAML 1.2.",
    applies: (outcome) => isTaken(outcome) && /can't interpret (sequence|mapping) as !\./.test(outcome.error),
  },
  {
    reason:
      "Text within brackets may hold a question mark and begin with a colon, and an anchor there may name nothing.",
    applies: (outcome) => isTaken(outcome) && /[[{][\s\S]*[?:&]/.test(yamlOf(outcome)),
  },
];
