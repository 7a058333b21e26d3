import type { Budget } from "../budget.ts";
import type { Datum } from "../cty/datum.ts";
import type { Type } from "../cty/type.ts";

/** A parameter of a function; arguments are converted to its type. */
export interface Parameter {
  readonly name: string;
  readonly type: Type;
  /** `null` is taken, too. */
  readonly nullable?: boolean;
}

/** What a function may use besides its arguments. */
export interface Surroundings {
  /** Asked before something large is made. */
  readonly budget: Budget;
}

/** A function of the language, by the rules of cty: see `call` in `src/hcl/evaluation/call.ts` for what is done with arguments. */
export interface FunctionSpec {
  readonly parameters: readonly Parameter[];
  /** Of all further arguments. */
  readonly rest?: Parameter;
  /** @throws CallProblem for what it cannot do; Mismatch and NumberRange are told as one, too. */
  run(args: readonly Datum[], surroundings: Surroundings): Datum;
}

/** The functions by name; one with a text is known and refused for the reason that the text says. */
export type FunctionTable = ReadonlyMap<string, FunctionSpec | string>;

/** Thrown by a function that cannot do what it is asked; the message shows no value. */
export class CallProblem extends Error {
  /** Which argument is wrong, counted from 0; undefined when it is the call as a whole. */
  readonly argument: number | undefined;
  /** What may be told besides where no argument is a secret: a path, a part of a pattern. */
  readonly detail: string | undefined;

  constructor(message: string, argument?: number, detail?: string) {
    super(message);
    this.argument = argument;
    this.detail = detail;
  }
}
