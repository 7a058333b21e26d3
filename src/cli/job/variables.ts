import { AppError } from "../../base/errors.ts";
import type { GivenFile, GivenValue, VariableInputs } from "../../hcl/variables/input.ts";
import { readBoundedFile } from "../bounded-file.ts";
import type { Flag, Flags } from "../flags.ts";

/** The flags of every command that reads a job file. */
export const VARIABLE_FLAGS: readonly Flag[] = [
  {
    name: "var",
    value: "NAME=VALUE",
    repeats: true,
    help: "The value of a variable of the job file; it wins over files and the environment (PADDOCK_VAR_NAME, NOMAD_VAR_NAME).",
  },
  {
    name: "var-file",
    value: "FILE",
    repeats: true,
    help: "A file with values of variables, HCL or JSON; of several the last wins.",
  },
  {
    name: "hcl2-strict",
    on: true,
    help: "Refuse values of variables that the job file does not declare; -hcl2-strict=false only warns of them.",
  },
];

/**
 * What the command line and the environment give for the variables of a job file.
 * @throws AppError `invalid` or `not_found` for what cannot be read.
 */
export async function readVariables(
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<VariableInputs> {
  return {
    environment: [...fromEnvironment(env, "NOMAD_VAR_"), ...fromEnvironment(env, "PADDOCK_VAR_")],
    files: await Promise.all(flags.list("var-file").map(readVariableFile)),
    flags: flags.list("var").map(readAssignment),
    strict: flags.has("hcl2-strict"),
  };
}

function fromEnvironment(env: Readonly<Record<string, string | undefined>>, prefix: string): GivenValue[] {
  return Object.entries(env).flatMap(([key, text]) =>
    key.startsWith(prefix) && text !== undefined ? [{ name: key.slice(prefix.length), text, by: key }] : [],
  );
}

/** The value is not shown: it may be a secret. */
function readAssignment(given: string): GivenValue {
  const sign = given.indexOf("=");
  if (sign < 1) throw new AppError("invalid", "flag -var: expected NAME=VALUE behind it");
  return { name: given.slice(0, sign), text: given.slice(sign + 1), by: "-var" };
}

async function readVariableFile(path: string): Promise<GivenFile> {
  return { name: path, text: await readBoundedFile(path, "file of variables") };
}
