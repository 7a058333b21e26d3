import { createReadStream, statSync } from "node:fs";
import { dirname } from "node:path";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import { formatBytes } from "../base/units.ts";
import { functionsWithFiles } from "../hcl/functions/files.ts";
import { MAX_SOURCE_BYTES } from "../hcl/limits.ts";
import { renderDiagnostics } from "../hcl/render.ts";
import { type LoadedJob, loadJob } from "../job/load.ts";
import type { Invocation } from "./command.ts";
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
  const bytes = path === "-" ? await context.terminal.readInput(MAX_SOURCE_BYTES) : await readFileBounded(path);
  if (bytes.length > MAX_SOURCE_BYTES) throw tooLong(name);
  return examineJobFile(path, bytes, { context, flags });
}

/** Prints everything that is wrong or doubtful about the bytes of a job file. @param path `-` for standard input. */
export function examineJobFile(
  path: string,
  bytes: Buffer,
  { context: { terminal, env }, flags }: Pick<Invocation, "context" | "flags">,
): JobFile {
  const name = path === "-" ? "<stdin>" : path;
  const variables = readVariables(flags, env);
  const base = path === "-" ? "." : dirname(path);
  const loaded = loadJob(name, bytes, { variables, functions: functionsWithFiles({ base, home: env["HOME"] }) });
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

async function readFileBounded(path: string): Promise<Buffer> {
  try {
    const stat = statSync(path);
    if (stat.size > MAX_SOURCE_BYTES) throw tooLong(path);
    if (stat.isFile()) return readBeginning(path, MAX_SOURCE_BYTES);
    // A pipe such as <(command) has no size: what is read of it is counted. It may make one wait, and Ctrl-C ends that.
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: MAX_SOURCE_BYTES })) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw unreadable(path, error);
  }
}

function tooLong(name: string): AppError {
  return new AppError("invalid", `${name} is too long: a job file has at most ${formatBytes(MAX_SOURCE_BYTES)}`);
}

function unreadable(path: string, error: unknown): AppError {
  switch (errnoOf(error)) {
    case "ENOENT":
      return new AppError("not_found", `cannot read ${path}: no such file`, { cause: error });
    case "EISDIR":
      return new AppError("invalid", `cannot read ${path}: it is a directory`, { cause: error });
    case "EACCES":
      return new AppError("invalid", `cannot read ${path}: permission denied`, { cause: error });
    default:
      return new AppError("invalid", `cannot read ${path}: ${errnoOf(error) ?? errorText(error)}`, { cause: error });
  }
}
