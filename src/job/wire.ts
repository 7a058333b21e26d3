import { decodeObject } from "../hcl/decode.ts";
import type { Diagnostic } from "../hcl/diagnostic.ts";
import { encode, type JsonObject } from "../hcl/encode.ts";
import { type ParsedJson, parseJson } from "../hcl/json.ts";
import type { Kept } from "../hcl/notes.ts";
import type { Source } from "../hcl/source.ts";
import type { Span } from "../hcl/span.ts";
import type { Value } from "../hcl/value.ts";
import { checkJob } from "./check.ts";
import type { Job } from "./job.ts";
import { jobBlock } from "./schema/job.ts";

/** What was read of a job in Nomad's JSON. */
export interface DecodedJob {
  /** Undefined when there is an error among the diagnostics. */
  readonly job: Job | undefined;
  /** Errors and warnings, sorted by position; `where` is a path such as `TaskGroups[0].Tasks[0].Config`. */
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: ReadonlyMap<string, Source>;
  /** As `LoadedJob` has it. */
  readonly spanOf: (path: string) => Span | undefined;
}

/**
 * Reads and checks a job in Nomad's JSON: `{"Job": {…}}`, whose other keys are left to others, or the job itself. Never throws.
 * @param file the name that messages call the text by.
 */
export function decodeJobJson(text: string | Uint8Array, file = "<request>"): DecodedJob {
  return decodeParsedJob(parseJson(file, text), file);
}

/** As `decodeJobJson`, of a text that was read already. @param kept takes what is written of what has no effect. */
export function decodeParsedJob({ value, diagnostics, source }: ParsedJson, file: string, kept?: Kept[]): DecodedJob {
  const sources = new Map([[file, source]]);
  const nothing = { job: undefined, sources, spanOf: () => undefined };
  if (value === undefined) return { ...nothing, diagnostics };
  const found = findJob(value);
  if (!("kind" in found)) return { ...nothing, diagnostics: [...diagnostics, found] };
  const decoded = decodeObject(jobBlock, found, kept);
  return { ...checkJob(decoded, "", diagnostics), sources, spanOf: (path) => decoded.places.get(path)?.span };
}

/** A job in Nomad's JSON, whole: what is absent is null, and what Nomad fills in for what has no meaning here is filled in. */
export function encodeJob(job: Job): JsonObject {
  return encode(jobBlock, job);
}

type JsonObjectValue = Value & { readonly kind: "object" };

function findJob(value: Value): JsonObjectValue | Diagnostic {
  if (value.kind !== "object") return refuse(value.span, 'expected a job, {"Job": { … }}');
  const hcl = value.entries.find(({ key }) => key === "job");
  if (hcl !== undefined) {
    return refuse(
      hcl.keySpan,
      "this is HCL's own JSON syntax, and Nomad's JSON is expected here",
      'write {"Job": { … }} as paddock job run -output prints it; a job file may have either syntax',
    );
  }
  const wrapped = value.entries.find(({ key }) => key === "Job");
  if (wrapped === undefined) return value;
  if (wrapped.value.kind === "object") return wrapped.value;
  return refuse(wrapped.value.span, "Job must be an object");
}

function refuse(span: Span, message: string, hint?: string): Diagnostic {
  return { severity: "error", span, message, hint };
}
