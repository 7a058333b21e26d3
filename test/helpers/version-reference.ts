import { join } from "node:path";
import { buildGoProgram, type GoProgram } from "./go-program.ts";
import { HOME } from "./steps.ts";

/** Operator, left and right side. */
export type ReferenceCase = readonly [operator: string, left: string, right: string];

export interface ReferenceAnswer {
  /** Whether the left side is a version, where that is asked. */
  readonly leftIsValid: boolean;
  /** Whether the right side is a list of conditions or an expression, where that is asked. */
  readonly rightIsValid: boolean;
  readonly holds: boolean;
}

/** Asks go-version and Go's own packages about many cases at once. */
export type VersionReference = (cases: readonly ReferenceCase[]) => ReferenceAnswer[];

/** @returns why there is none, where Go is missing or its module is not to be had. */
export function buildVersionReference(): VersionReference | string {
  const run = buildGoProgram("version", join(HOME, "test", "reference", "version"));
  return typeof run === "string" ? run : (cases) => ask(run, cases);
}

function ask(run: GoProgram, cases: readonly ReferenceCase[]): ReferenceAnswer[] {
  return [...run(JSON.stringify(cases))].map((digit) => {
    const bits = digit - 48;
    return { leftIsValid: (bits & 1) !== 0, rightIsValid: (bits & 2) !== 0, holds: (bits & 4) !== 0 };
  });
}
