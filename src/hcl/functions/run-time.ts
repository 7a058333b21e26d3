import { boolean, type Datum, integer, isMapping, isSequence } from "../cty/datum.ts";
import { isWhole, truncate } from "../cty/number.ts";
import { anyParameter, numberAt, numberParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec, type FunctionTable } from "./function.ts";
import { FUNCTIONS } from "./table.ts";

/** What Nomad lets a task's `config` call when the task starts, as far as a job file may call it, too. */
const SHARED = [
  ...["abs", "coalesce", "concat", "jsondecode", "jsonencode", "length", "lower"],
  ...["max", "min", "reverse", "strlen", "substr", "upper"],
];

/** Functions of the run time alone. */
const OWN: Readonly<Record<string, FunctionSpec>> = {
  int: { parameters: [numberParameter("num")], run: (args) => integer(truncate(numberAt(args, 0))) },
  hasindex: { parameters: [anyParameter("collection"), anyParameter("key")], run: hasIndex },
};

/** The functions of a task's `config`; the others of a job file are known and refused, for their time is over. */
export const RUN_TIME_FUNCTIONS: FunctionTable = new Map<string, FunctionSpec | string>([
  ...[...FUNCTIONS.keys()].map((name): [string, string] => [
    name,
    "cannot be called when the task starts, only where the job file is read",
  ]),
  ...SHARED.flatMap((name): [string, FunctionSpec | string][] => {
    const spec = FUNCTIONS.get(name);
    return spec === undefined ? [] : [[name, spec]];
  }),
  ...Object.entries(OWN),
]);

function hasIndex([collection, key]: readonly Datum[]): Datum {
  if (collection === undefined || key === undefined) throw new CallProblem("expected a collection and a key");
  if (isMapping(collection)) return boolean(key.kind === "string" && collection.entries.has(key.value));
  if (!isSequence(collection) || collection.kind === "set") throw new CallProblem("expected a list or a map", 0);
  if (key.kind !== "number" || !isWhole(key.value)) return boolean(false);
  const index = truncate(key.value);
  return boolean(index >= 0n && index < BigInt(collection.items.length));
}
