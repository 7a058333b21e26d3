import { dirname } from "node:path";
import { AppError } from "../../base/errors.ts";
import { MAX_SOURCE_BYTES } from "../../hcl/limits.ts";
import type { LoadedJob } from "../../job/load.ts";
import { assertShort, readBoundedFile } from "../bounded-file.ts";
import type { Invocation } from "../command.ts";
import { readVariables } from "./variables.ts";

/** A job file, read and examined. */
export interface JobFile extends LoadedJob {
  /** The name that messages call it by. */
  readonly name: string;
  readonly text: string;
}

/**
 * Reads a job file, `-` for standard input, with its variables, and prints everything that is wrong or doubtful about it.
 * @throws AppError `not_found` or `invalid` for what cannot be read as a file.
 */
export async function readJobFile(
  path: string,
  { context, flags }: Pick<Invocation, "context" | "flags">,
): Promise<JobFile> {
  const name = path === "-" ? "<stdin>" : path;
  const read = path === "-" ? context.terminal.readInput(MAX_SOURCE_BYTES) : readBoundedFile(path, "job file");
  return await examineJobFile(path, assertShort(await read, name, "job file"), { context, flags });
}

/**
 * Prints everything that is wrong or doubtful about the bytes of a job file. @param path `-` for standard input.
 * The language of job files is half of this program: it is loaded here, because most commands read none.
 */
export async function examineJobFile(
  path: string,
  bytes: Buffer,
  { context: { terminal, env }, flags }: Pick<Invocation, "context" | "flags">,
): Promise<JobFile> {
  const [{ functionsWithFiles }, { renderDiagnostics }, { loadJob }] = await Promise.all([
    import("../../hcl/functions/files.ts"),
    import("../../hcl/render.ts"),
    import("../../job/load.ts"),
  ]);
  const name = path === "-" ? "<stdin>" : path;
  const variables = await readVariables(flags, env);
  const base = path === "-" ? "." : dirname(path);
  const functions = functionsWithFiles({ base, home: env["HOME"] });
  const loaded = loadJob(name, bytes, { variables, functions, keep: flags.has("output") });
  terminal.err.text(renderDiagnostics(loaded.diagnostics, loaded.sources));
  return { ...loaded, name, text: bytes.toString("utf8") };
}

/** How many errors there are, in words. */
export function countErrors({ diagnostics }: JobFile): string {
  const count = diagnostics.filter(({ severity }) => severity === "error").length;
  return count === 1 ? "1 error" : `${count} errors`;
}

/** @throws AppError `invalid` when `-json` promised another format. */
export function assertJson({ name, format }: JobFile): void {
  if (format === "json") return;
  throw new AppError("invalid", `${name}: expected Nomad's JSON, found HCL`, { hint: "leave -json out" });
}
