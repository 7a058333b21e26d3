import { AppError } from "../base/errors.ts";
import { escapeControls, shorten } from "../base/text.ts";

/** An archive that is damaged or refused. Whoever knows where it came from puts that before the message. */
export function archiveError(message: string, hint?: string, cause?: unknown): AppError {
  return new AppError("fetch", message, { hint, cause });
}

/** The error of one entry. @param name as the archive has it: whatever it holds cannot reach a terminal. */
export function entryError(name: string, message: string, hint?: string): AppError {
  return archiveError(`entry ${quoteName(name)}: ${message}`, hint);
}

/** Longest name that a message shows, in characters. */
const SHOWN = 200;

/** A name out of an archive, for a message: quoted, escaped, and cut when it is very long. */
export function quoteName(name: string): string {
  return escapeControls(JSON.stringify(shorten(name, SHOWN)));
}

/** What is said of a file that ends too early. */
export function truncated(what: string): AppError {
  return archiveError(`${what} ends too early`, "the file was cut off when it was made or uploaded; make it again");
}

/** The hint when a file is not what its name or the job says. */
export const WRONG_NAME = "its name or the archive option does not say what it is; archive = false keeps it as it is";
