import type { Block, Body } from "../hcl/ast.ts";
import { decodeBody } from "../hcl/decode.ts";
import type { Diagnostic } from "../hcl/diagnostic.ts";
import { isJsonText } from "../hcl/format.ts";
import { parseHcl } from "../hcl/parser.ts";
import type { Source } from "../hcl/source.ts";
import { checkJob } from "./check.ts";
import type { Job } from "./job.ts";
import { fileBlock } from "./schema.ts";
import { decodeJobJson } from "./wire.ts";

/** What was read of a job file. */
export interface LoadedJob {
  /** Undefined when there is an error among the diagnostics. */
  readonly job: Job | undefined;
  /** Errors and warnings, sorted by position. */
  readonly diagnostics: readonly Diagnostic[];
  /** The text, for `renderDiagnostics`. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly format: "hcl2" | "json";
}

/**
 * Reads and checks a job file, HCL or Nomad's JSON (a text that begins with `{`). All mistakes are found at once. Never throws.
 * @param file the name that messages call the text by: a path, `<stdin>`.
 */
export function loadJob(file: string, text: string | Uint8Array): LoadedJob {
  if (isJsonText(text)) return { ...decodeJobJson(text, file), format: "json" };
  const parsed = parseHcl(file, text);
  const decoded = decodeBody(fileBlock, { ...parsed.body, blocks: parsed.body.blocks.map(groupLooseTasks) });
  const { job, diagnostics } = checkJob({ ...decoded, value: decoded.value.job }, "job", parsed.diagnostics);
  return { job, diagnostics, sources: new Map([[file, parsed.source]]), format: "hcl2" };
}

/** A `task` that stands in the job itself is a group of that name with that task, as in Nomad. */
function groupLooseTasks(block: Block): Block {
  if (block.type !== "job") return block;
  const blocks = block.body.blocks.map((inner): Block => {
    if (inner.type !== "task") return inner;
    const body: Body = { attributes: [], blocks: [inner], span: inner.body.span };
    return { ...inner, type: "group", body };
  });
  return { ...block, body: { ...block.body, blocks } };
}
