import { join } from "node:path";
import { buildGoProgram, type GoProgram } from "./go-program.ts";
import { HOME } from "./steps.ts";

/** A job file with what is given for its variables, a regular expression, or a template, as `test/reference/main.go` takes them. */
export type Question =
  | {
      readonly Text: string;
      readonly Vars?: readonly string[];
      readonly Env?: readonly string[];
      readonly Files?: readonly string[];
      /** With what Nomad's client fills in. */
      readonly Canonical?: boolean;
    }
  | { readonly Pattern: string; readonly Subject: string; readonly Template: string }
  | { readonly Actions: string };

/** What Nomad's parser makes of a job file, or Go of a regular expression or a template. */
export interface Answer {
  readonly job: Readonly<Record<string, unknown>> | undefined;
  readonly error: string | undefined;
  readonly groups: readonly string[] | undefined;
  /** Or rendered. */
  readonly replaced: string;
}

/** Asks Nomad's parser about many job files at once. */
export type Reference = (questions: readonly Question[]) => Answer[];

/**
 * Builds the program that answers with Nomad's parser.
 * @returns why there is none, where Go is missing or its modules are not to be had.
 */
export function buildReference(): Reference | string {
  const run = buildGoProgram("reference", join(HOME, "test", "reference"));
  return typeof run === "string" ? run : (questions) => ask(run, questions);
}

function ask(run: GoProgram, questions: readonly Question[]): Answer[] {
  const input = questions.map((question) => JSON.stringify(question)).join("\n");
  const lines = run(input).toString().trimEnd().split("\n");
  return lines.map((line): Answer => {
    const { Job: job, Error: error, Groups: groups, Replaced: replaced = "" } = JSON.parse(line) as Written;
    return { job, error, groups, replaced };
  });
}

interface Written {
  readonly Job?: Record<string, unknown>;
  readonly Error?: string;
  readonly Groups?: string[];
  readonly Replaced?: string;
}
