import { ADDRESS_FUNCTIONS } from "./addresses.ts";
import { DATE_FUNCTIONS } from "./dates.ts";
import { ENCODING_FUNCTIONS } from "./encodings.ts";
import { FORMAT_FUNCTIONS } from "./format.ts";
import type { FunctionSpec, FunctionTable } from "./function.ts";
import { HASH_FUNCTIONS } from "./hashes.ts";
import { JSON_FUNCTIONS } from "./json.ts";
import { LIST_FUNCTIONS } from "./lists.ts";
import { MAP_FUNCTIONS } from "./maps.ts";
import { NUMBER_FUNCTIONS } from "./numbers.ts";
import { SET_FUNCTIONS } from "./sets.ts";
import { SPECIAL_NAMES } from "./special-names.ts";
import { STRING_FUNCTIONS } from "./strings.ts";
import { YAML_FUNCTIONS } from "./yaml.ts";

const FAMILIES: readonly Readonly<Record<string, FunctionSpec>>[] = [
  ADDRESS_FUNCTIONS,
  DATE_FUNCTIONS,
  ENCODING_FUNCTIONS,
  FORMAT_FUNCTIONS,
  HASH_FUNCTIONS,
  JSON_FUNCTIONS,
  LIST_FUNCTIONS,
  MAP_FUNCTIONS,
  NUMBER_FUNCTIONS,
  SET_FUNCTIONS,
  STRING_FUNCTIONS,
  YAML_FUNCTIONS,
];

const NO_FILES = "looks at files, which only the command line does, and not the agent";

/** Functions of Nomad that are known and refused. */
const REFUSED: Readonly<Record<string, string>> = {
  bcrypt: "is not supported: its result is another one each time, and takes long",
  rsadecrypt: "is not supported: a private key has no place in a job file",
  ...Object.fromEntries(
    ["abspath", "basename", "dirname", "file", "filebase64", "fileexists", "fileset", "pathexpand"].map((name) => [
      name,
      NO_FILES,
    ]),
  ),
};

/** All functions of Nomad's job files but those that look at files, which are refused with the reason. */
export const FUNCTIONS: FunctionTable = new Map<string, FunctionSpec | string>([
  ...FAMILIES.flatMap((family) => Object.entries(family)),
  ...Object.entries(REFUSED),
  ...SPECIAL_NAMES.map((name): [string, string] => [name, "cannot be called like this"]),
]);
