import { shortName, TemplateFault } from "../fault.ts";
import { textItem } from "../item.ts";
import { type FunctionTable, fixed, type Surroundings, textAt } from "./function.ts";

/** The task's environment. That of the agent is never looked at, where consul-template falls back on its own. */
export const ENV_FUNCTIONS: FunctionTable = {
  env: fixed(1, (values, { env }) => textItem(lookUp(env, textAt(values, 0)) ?? "")),
  envOrDefault: fixed(2, (values, { env }) => textItem(lookUp(env, textAt(values, 0)) ?? textAt(values, 1))),
  mustEnv: fixed(1, (values, { env }) => {
    const name = textAt(values, 0);
    const value = lookUp(env, name) ?? "";
    if (value !== "") return textItem(value);
    throw new TemplateFault(`the variable ${JSON.stringify(shortName(name))} is empty`, {
      hint: "set it in the task's env block",
    });
  }),
};

/** A name may be `constructor`. */
function lookUp(env: Surroundings["env"], name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined;
}
