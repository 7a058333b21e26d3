import { ENV_FUNCTIONS } from "./env.ts";
import { FORMAT_FUNCTIONS } from "./format.ts";
import type { FunctionTable } from "./function.ts";
import { JSON_FUNCTIONS } from "./json.ts";
import { LIST_FUNCTIONS } from "./lists.ts";
import { LOGIC_FUNCTIONS } from "./logic.ts";
import { NUMBER_FUNCTIONS } from "./numbers.ts";
import { PATTERN_FUNCTIONS } from "./patterns.ts";
import { TEXT_FUNCTIONS } from "./text.ts";

/** All that can be called in a template: Go's own functions and consul-template's, as far as they need no source of data. */
export const FUNCTIONS: FunctionTable = {
  ...ENV_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...LOGIC_FUNCTIONS,
  ...NUMBER_FUNCTIONS,
  ...JSON_FUNCTIONS,
  ...PATTERN_FUNCTIONS,
  ...FORMAT_FUNCTIONS,
};
