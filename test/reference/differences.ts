/** What an expression comes to in Nomad and here: JSON, or undefined for an error. */
export interface Outcome {
  readonly expression: string;
  readonly theirs: string | undefined;
  /** Nomad's words for the error. */
  readonly error: string;
  readonly ours: string | undefined;
}

/** A difference that is meant. */
export interface Difference {
  readonly reason: string;
  readonly applies: (outcome: Outcome) => boolean;
}

/** All that is computed otherwise than in Nomad, with the reason; whatever else differs is a mistake. */
export const DIFFERENCES: readonly Difference[] = [
  {
    reason:
      "A division by zero and a logarithm or power without a value are errors. In Nomad they are infinite, which no attribute of a job can be, and text as +Inf.",
    applies: ({ expression, ours }) => ours === undefined && /[/]|\b(log|pow)\(/.test(expression),
  },
  {
    reason:
      "What Nomad only finds out when it writes JSON (an infinite number) is found out before, so that try() goes on.",
    applies: ({ error }) => error.includes("cannot serialize infinity"),
  },
  {
    reason: "What is an error here for that reason is one for can() and try(), too.",
    applies: ({ expression }) => /[/]|\b(log|pow)\(/.test(expression) && /\b(can|try)\(/.test(expression),
  },
  {
    reason: "There is one zero. Nomad's numbers know a negative one, and print it as -0.",
    applies: ({ theirs, ours }) => theirs !== undefined && ours === withoutNegativeZero(theirs),
  },
  {
    reason: "The last digits of log and pow are those of this machine's mathematics library; Go has its own.",
    applies: ({ expression, theirs, ours }) => /\b(log|pow)\(/.test(expression) && isNearly(theirs, ours),
  },
  {
    reason:
      "A result of a conditional that is not chosen and has no value asks nothing of the one that is. Nomad goes by the type that it might have had.",
    applies: ({ expression, theirs, error, ours }) =>
      ours !== undefined &&
      (error.includes("Inconsistent conditional result types") ||
        (expression.includes("?") && theirs !== undefined && theirs.replaceAll('"', "") === ours.replaceAll('"', ""))),
  },
  {
    reason:
      "Where a loop or splat has nothing to go through, what would be computed of each item is not looked at. Nomad checks it with an item of which it knows only the type, or nothing.",
    applies: ({ expression, error, ours }) =>
      ours !== undefined && error !== "" && /\bif\b|\[\*\]|\.\*/.test(expression) && !error.includes("conditional"),
  },
  {
    reason:
      "Keys of several lines, or very long ones, are refused by yamlencode(): no reader needs them, and they need a syntax of their own.",
    applies: ({ expression, theirs, ours }) =>
      ours === undefined && expression.includes("yamlencode") && theirs?.includes("? ") === true,
  },
  {
    reason: "Where Nomad's command ends in a panic, there is a value or an error.",
    applies: ({ error }) => error.includes("panic"),
  },
];

function withoutNegativeZero(json: string): string {
  return json.replace(/(?<![\w.])-0(?![\w.])/g, "0");
}

/** Whether two texts of JSON are the same but for the last digits of numbers. */
function isNearly(theirs: string | undefined, ours: string | undefined): boolean {
  if (theirs === undefined || ours === undefined) return false;
  const numbers = /-?\d+(?:\.\d+)?(?:e[+-]\d+)?/g;
  if (theirs.replace(numbers, "#") !== ours.replace(numbers, "#")) return false;
  const [a, b] = [theirs.match(numbers) ?? [], ours.match(numbers) ?? []];
  return a.every((number, at) => Math.abs(Number(number) - Number(b[at])) <= 1e-9 * Math.abs(Number(number)));
}

/** Job files of `test/golden/job` of which Nomad's parser finds more than is kept here. */
export const JOBS_THAT_DIFFER: Readonly<Record<string, string>> = {
  "every-attribute.hcl":
    "Our JSON has every default and short form filled in, and driver options by their own types; Nomad's parser leaves that to its server.",
  "groups-and-copies.hcl":
    "The update of a job is in our JSON with each group that it is for, as Nomad's server fills it in.",
  "system-job.hcl": "The short form set_contains_any of a constraint works; Nomad takes it and does nothing with it.",
  "task-without-group.hcl": "Several port_map blocks are one map in our JSON; Nomad's driver merges them itself.",
  "without-effect.hcl": "What has no effect on one host is told in a warning, and its value is not kept.",
};
