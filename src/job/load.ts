import { Budget } from "../hcl/budget.ts";
import type { Content, Item } from "../hcl/content.ts";
import { decodeBody } from "../hcl/decode.ts";
import { type Diagnostic, settleDiagnostics } from "../hcl/diagnostic.ts";
import { isJsonText } from "../hcl/format.ts";
import type { FunctionTable } from "../hcl/functions/function.ts";
import { FUNCTIONS } from "../hcl/functions/table.ts";
import { parseJson } from "../hcl/json.ts";
import { bodyOfJson } from "../hcl/json-body.ts";
import type { Kept } from "../hcl/notes.ts";
import { type ParsedHcl, parseHcl } from "../hcl/parser.ts";
import { markSecretLines, markSharedLines } from "../hcl/secret-lines.ts";
import type { Source } from "../hcl/source.ts";
import type { Span } from "../hcl/span.ts";
import type { VariableInputs } from "../hcl/variables/input.ts";
import { resolveNames } from "../hcl/variables/resolve.ts";
import { checkJob } from "./check.ts";
import type { Job } from "./job.ts";
import { fileBlock } from "./schema/job.ts";
import { SECRET_NAMES } from "./secret-names.ts";
import { decodeParsedJob } from "./wire.ts";

/** What was read of a job file. */
export interface LoadedJob {
  /** Undefined when there is an error among the diagnostics. */
  readonly job: Job | undefined;
  /** Errors and warnings, sorted by position. */
  readonly diagnostics: readonly Diagnostic[];
  /** The texts, for `renderDiagnostics`. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly format: "hcl2" | "json";
  /** Where a value of the job stands, by its path: `groups[0].tasks[0].config.args[1]`; undefined for a default. */
  readonly spanOf: (path: string) => Span | undefined;
  /** What was written of what has no effect; empty unless it was asked for. */
  readonly kept: readonly Kept[];
}

export interface LoadOptions {
  /** Values for the variables of the file. */
  readonly variables?: VariableInputs;
  /** What can be called in it; the functions that look at no file unless told otherwise. */
  readonly functions?: FunctionTable;
  /** Keep what is written of what has no effect, for `outputJob`. */
  readonly keep?: boolean;
}

/**
 * Reads and checks a job file: HCL, HCL's own JSON syntax, or Nomad's JSON. A text that begins with `{` is JSON, and HCL's where it has
 * a `job`. All mistakes are found at once. Never throws.
 * @param file the name that messages call the text by: a path, `<stdin>`.
 */
export function loadJob(file: string, text: string | Uint8Array, options: LoadOptions = {}): LoadedJob {
  if (!isJsonText(text)) return loadBody(file, parseHcl(file, text), options);
  const parsed = parseJson(file, text);
  const { value, diagnostics, source } = parsed;
  if (value?.kind !== "object" || !value.entries.some(({ key }) => key === "job")) {
    const kept: Kept[] = [];
    return { ...decodeParsedJob(parsed, file, options.keep ? kept : undefined), format: "json", kept };
  }
  const told = [...diagnostics];
  return loadBody(file, { body: bodyOfJson(value, fileBlock, told), diagnostics: told, source }, options, true);
}

function loadBody(file: string, parsed: ParsedHcl, options: LoadOptions, json = false): LoadedJob {
  const surroundings = { functions: options.functions ?? FUNCTIONS, budget: new Budget(), json };
  const names = resolveNames(parsed.body, options.variables ?? {}, surroundings);
  const reshape = groupLooseTasks;
  const kept: Kept[] | undefined = options.keep ? [] : undefined;
  const decoded = decodeBody(fileBlock, names.rest, { scope: names.scope, surroundings, reshape, kept });
  const told = [...markSecretLines(parsed.diagnostics, parsed.body, SECRET_NAMES), ...names.diagnostics];
  const { job, diagnostics } = checkJob({ ...decoded, value: decoded.value.job }, "job", told);
  const sources = new Map([[file, parsed.source], ...names.sources]);
  const settled = settleDiagnostics(diagnostics);
  const shown = json ? settled : markSharedLines(settled, parsed, SECRET_NAMES);
  return {
    job,
    diagnostics: shown,
    sources,
    format: "hcl2",
    spanOf: (path) => decoded.places.get(`job.${path}`)?.span,
    // The job itself is the only block of a file that has such names.
    kept: (kept ?? []).map((one) => ({ ...one, path: one.path.replace(/^job\.?/, "") })),
  };
}

/** A `task` that stands in the job itself is a group of that name with that task, as in Nomad. */
function groupLooseTasks(file: Content): Content {
  return withItems(file, (item) => {
    const { block } = item;
    return item.name === "job" && block !== undefined ? { ...item, block: withItems(block, groupLooseTask) } : item;
  });
}

function groupLooseTask(item: Item): Item {
  const { block } = item;
  if (item.name !== "task" || block === undefined) return item;
  const group: Content = { span: block.span, labels: block.labels, items: [item], incomplete: false };
  return { ...item, name: "group", block: group };
}

/** Its items are made when they are asked for, as those of the content itself are. */
function withItems(content: Content, change: (item: Item) => Item): Content {
  return {
    span: content.span,
    labels: content.labels,
    incomplete: content.incomplete,
    get items() {
      return content.items.map(change);
    },
  };
}
