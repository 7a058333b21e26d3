import { YAML_DIFFERENCES } from "./yaml-differences.ts";

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
  ...YAML_DIFFERENCES,
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

/** A difference between the JSON of a job here and what Nomad's parser and client make of the same file. */
export interface JobDifference {
  readonly reason: string;
  /** Where it is found, without the numbers of lists: `TaskGroups[].Count`. */
  readonly paths: RegExp;
  /** What Nomad has there; any value unless told. */
  readonly theirs?: unknown;
}

/** All that is meant in the JSON of jobs; null, empty lists and empty maps say the same. */
export const JOB_DIFFERENCES: readonly JobDifference[] = [
  {
    reason: "Nomad's server fills these in; here they are in the JSON at once.",
    paths:
      /^(NodePool|Datacenters\[\]|ConsulToken|VaultToken|TaskGroups\[\]\.ShutdownDelay|TaskGroups\[\]\.(Tasks\[\]\.Resources\.)?Networks\[\]\.((Dynamic|Reserved)Ports\[\]\.HostNetwork|MBits)|TaskGroups\[\]\.Tasks\[\]\.Resources\.(DiskMB|IOPS|MemoryMaxMB|SecretsMB)|.*Services\[\]\.(Checks\[\]\.)?(Name|TaskName)|.*Checks\[\]\.Type)$/,
  },
  {
    reason:
      "The defaults of the driver are filled in, too, and what it takes in several forms has one: Nomad's driver does both when a task starts.",
    paths:
      /^TaskGroups\[\]\.Tasks\[\]\.Config\.(accelerator|drive_interface|emulator|machine_type|graceful_shutdown|guest_agent|args\[\]|port_map(\[\].*)?)$/,
  },
  {
    reason: "A machine's disk moves along unless the job says otherwise.",
    paths: /^TaskGroups\[\]\.EphemeralDisk\.Sticky$/,
    theirs: false,
  },
  {
    reason: "Whether a port may be another machine's, too, is told to mean nothing here, and not kept.",
    paths: /^TaskGroups\[\]\.(Tasks\[\]\.Resources\.)?Networks\[\]\.(Dynamic|Reserved)Ports\[\]\.IgnoreCollision$/,
  },
  {
    reason: "The short form set_contains_any of a constraint works; Nomad takes it and does nothing with it.",
    paths: /^(TaskGroups\[\]\.(Tasks\[\]\.)?)?Constraints\[\]\.(Operand|RTarget)$/,
  },
  { reason: "logs { enabled } is told as the disabled that it means.", paths: /LogConfig\.(Enabled|Disabled)$/ },
  {
    reason: "Where id stands beside the label, the name follows from the id; in Nomad from the label.",
    paths: /^Name$/,
  },
  {
    reason: "These only a server gives.",
    paths:
      /^(TaskGroups\[\]\.Scaling\.(ID|Namespace|CreateIndex|ModifyIndex)|ConsulNamespace|VaultNamespace|CreateIndex|ModifyIndex|JobModifyIndex|NomadTokenID|ParentID|Stable|Status|StatusDescription|Stop|Version)$/,
  },
];
