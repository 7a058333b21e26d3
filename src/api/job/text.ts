import type { Diagnostic } from "../../hcl/diagnostic.ts";
import type { ParsedJson } from "../../hcl/json.ts";
import { renderDiagnostics } from "../../hcl/render.ts";
import type { Job } from "../../job/job.ts";
import { loadJob } from "../../job/load.ts";
import { decodeParsedJob } from "../../job/wire.ts";
import { REQUEST, refusal } from "../validate.ts";

/** A job that was sent, and what is doubtful about it, one line for people each. */
export interface SentJob {
  readonly job: Job;
  readonly warnings: readonly string[];
}

/**
 * The job in the body of a request, `{"Job": {…}}`.
 * @throws AppError `invalid` that lists all that is wrong with it.
 */
export function readSentJob(body: ParsedJson): SentJob {
  const { job, diagnostics } = decodeParsedJob(body, REQUEST);
  if (job === undefined) throw refusal(diagnostics.map(withoutPosition));
  return { job, warnings: warningLines(diagnostics.map(withoutPosition)) };
}

/** Everything that is wrong with the job in the body of a request, and everything that is doubtful. */
export function examineSentJob(body: ParsedJson): {
  readonly job: Job | undefined;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
} {
  const { job, diagnostics } = decodeParsedJob(body, REQUEST);
  const told = diagnostics.map(withoutPosition);
  const errors = told.filter(({ severity }) => severity === "error").map(renderLine);
  return { job, errors, warnings: warningLines(told) };
}

/** What messages call the field of a request that sets variables. */
const VARIABLES = "<variables>";

/**
 * A job from the text of a job file. Its functions look at no files: those are the agent's and not the sender's.
 * @param variables a text as in a file of variables; "" for none. @throws AppError `invalid` that lists all that is wrong with it by line and column.
 */
export function readJobFile(text: string, variables = ""): SentJob {
  const files = variables === "" ? [] : [{ name: VARIABLES, text: variables }];
  const { job, diagnostics } = loadJob(REQUEST, text, { variables: { files } });
  if (job === undefined) throw refusal(diagnostics);
  return { job, warnings: warningLines(diagnostics) };
}

function warningLines(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.filter(({ severity }) => severity === "warning").map(renderLine);
}

function renderLine(diagnostic: Diagnostic): string {
  return renderDiagnostics([diagnostic], new Map()).trimEnd();
}

/** Programs write JSON in one line: where the path is known, a column in it tells nobody anything. */
function withoutPosition(diagnostic: Diagnostic): Diagnostic {
  return diagnostic.where === undefined ? diagnostic : { ...diagnostic, span: undefined };
}
