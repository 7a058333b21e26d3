import type { Budget } from "../budget.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import type { Datum } from "../cty/datum.ts";
import { NumberRange } from "../cty/number.ts";
import { CallProblem, type FunctionSpec, type FunctionTable, type Parameter } from "../functions/function.ts";
import { quoteName } from "../limits.ts";

/** Thrown when a call cannot be made or fails. */
export class CallFailure extends Error {
  readonly hint: string | undefined;
  /** Which argument is wrong, counted from 0; undefined when it is the call as a whole. */
  readonly argument: number | undefined;
  /** As a `CallProblem` has it. */
  readonly detail: string | undefined;

  constructor(
    message: string,
    options: {
      readonly hint?: string | undefined;
      readonly argument?: number;
      readonly detail?: string | undefined;
    } = {},
  ) {
    super(message);
    this.hint = options.hint;
    this.argument = options.argument;
    this.detail = options.detail;
  }
}

/** The function of a name. @throws CallFailure for one that is not known or refused. */
export function findFunction(name: string, functions: FunctionTable, budget: Budget): FunctionSpec {
  const spec = functions.get(name);
  if (typeof spec === "object") return spec;
  if (spec !== undefined) throw new CallFailure(`function ${quoteName(name)} ${spec}`);
  if (functions.size === 0) throw new CallFailure(`functions cannot be called here: ${quoteName(name)}`);
  const [near] = budget.suggest(name, functions.keys(), 1);
  const hint = near === undefined ? undefined : `did you mean ${quoteName(near)}?`;
  throw new CallFailure(`there is no function ${quoteName(name)}`, { hint });
}

/**
 * Calls a function: arguments become what its parameters are by the rules of conversion, and `null` is taken only where a parameter
 * says so. @throws CallFailure; Exhausted.
 */
export function call(name: string, spec: FunctionSpec, args: readonly Datum[], budget: Budget): Datum {
  checkCount(name, spec, args.length);
  const converted = args.map((arg, index) => {
    budget.look(arg);
    return takeArgument(name, spec.parameters[index] ?? spec.rest, arg, index);
  });
  try {
    return budget.made(spec.run(converted, { budget }));
  } catch (error) {
    throw asFailure(error, name, spec);
  }
}

function checkCount(name: string, { parameters, rest }: FunctionSpec, count: number): void {
  const missing = parameters[count];
  if (missing !== undefined) {
    const least = rest === undefined ? "" : "at least ";
    throw new CallFailure(
      `${quoteName(name)} takes ${least}${countArguments(parameters.length)}: ${quoteName(missing.name)} is missing`,
    );
  }
  if (rest === undefined && count > parameters.length) {
    const takes = parameters.length === 0 ? "no argument" : `only ${countArguments(parameters.length)}`;
    throw new CallFailure(`${quoteName(name)} takes ${takes}`, { argument: parameters.length });
  }
}

function countArguments(count: number): string {
  return count === 1 ? "1 argument" : `${count} arguments`;
}

function takeArgument(name: string, parameter: Parameter | undefined, arg: Datum, index: number): Datum {
  if (parameter === undefined) return arg;
  try {
    const converted = convert(arg, parameter.type);
    if (converted.kind === "null" && parameter.nullable !== true) throw new Mismatch("it must not be null");
    return converted;
  } catch (error) {
    const message = error instanceof NumberRange ? OUT_OF_RANGE : error instanceof Mismatch ? error.message : undefined;
    if (message === undefined) throw error;
    throw new CallFailure(`argument ${quoteName(parameter.name)} of ${quoteName(name)}: ${message}`, {
      argument: index,
    });
  }
}

const OUT_OF_RANGE = "the number is too large or too small to be kept";

function asFailure(error: unknown, name: string, { parameters, rest }: FunctionSpec): unknown {
  if (error instanceof CallProblem && error.argument !== undefined) {
    const { argument, detail } = error;
    const parameter = parameters[argument] ?? rest;
    const where = parameter === undefined ? "" : `argument ${quoteName(parameter.name)} of `;
    return new CallFailure(`${where}${quoteName(name)}: ${error.message}`, { argument, detail });
  }
  if (error instanceof NumberRange) return new CallFailure(`${quoteName(name)}: ${OUT_OF_RANGE}`);
  if (error instanceof CallProblem || error instanceof Mismatch) {
    return new CallFailure(`${quoteName(name)}: ${error.message}`);
  }
  return error;
}
