import { basename } from "node:path";
import { archiveError, entryError, quoteName } from "./failure.ts";

/** Longest path that Linux takes, and names of a path. */
const MAX_PATH = 4095;
const MAX_NAME = 255;
const MAX_DEPTH = 100;

/** The name of an entry as text. @throws AppError when it is not UTF-8. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    const shown = quoteName(Buffer.from(bytes).toString("latin1"));
    throw archiveError(
      `entry ${shown}: the name is not valid UTF-8`,
      "rename the file and make the archive again",
      error,
    );
  }
}

/**
 * The directories and the name that an entry's name stands for, outermost first; none for the directory of all.
 * @param agentName a name that belongs to the agent wherever it stands.
 * @throws AppError for a name that leads out, or that no sane file has.
 */
export function splitName(name: string, agentName: string): readonly string[] {
  if (name === "") throw entryError(name, "an empty name");
  if (name.startsWith("/")) throw entryError(name, "an absolute name", RELATIVE);
  checkText(name, name, "the name");
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw entryError(name, "a name with .. in it", RELATIVE);
  if (parts.includes(agentName)) throw entryError(name, `${agentName} belongs to the agent`);
  if (parts.length > MAX_DEPTH) throw entryError(name, `more than ${MAX_DEPTH} directories deep`);
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME)) {
    throw entryError(name, `a name in it is longer than ${MAX_NAME} bytes`);
  }
  return parts;
}

const RELATIVE = "an archive's names must count from its own root";

function checkText(entry: string, text: string, what: string): void {
  const bad = /[\u0000-\u001f\u007f-\u009f\\]/.exec(text)?.[0];
  if (bad !== undefined) {
    throw entryError(
      entry,
      `${what} holds ${bad === "\\" ? "a backslash" : bad === "\0" ? "a NUL" : "a control character"}`,
    );
  }
  if (Buffer.byteLength(text) > MAX_PATH) throw entryError(entry, `${what} is longer than ${MAX_PATH} bytes`);
}

/**
 * Proves that a symbolic link stays below the root of the archive, whatever other links there are. Each `..` must stand at the
 * beginning, where it counts from the link's own directory, which is no link: behind a name it would count from wherever that leads.
 * @param parts the link itself, as `splitName` gave them.
 */
export function checkSymlink(entry: string, parts: readonly string[], target: string): void {
  const said = `a symbolic link to ${quoteName(target)}`;
  if (target === "") throw entryError(entry, "a symbolic link to nothing");
  checkText(entry, target, "the target of the symbolic link");
  if (target.startsWith("/")) throw entryError(entry, `${said}, which is absolute`, RELATIVE_LINK);
  const steps = target.split("/").filter((step) => step !== "" && step !== ".");
  const ups = steps.findIndex((step) => step !== "..");
  const leading = ups === -1 ? steps.length : ups;
  if (leading > parts.length - 1) throw entryError(entry, `${said}, which leads out of the archive`, RELATIVE_LINK);
  if (steps.slice(leading).includes("..")) throw entryError(entry, `${said}, with .. behind a name`, RELATIVE_LINK);
}

const RELATIVE_LINK = "a link must point to a place in the archive, by the shortest relative way";

/** `disk.img` for `dir/disk.img.xz`. */
export function withoutSuffix(fileName: string, suffix: string): string {
  const name = basename(fileName);
  return name.endsWith(`.${suffix}`) ? name.slice(0, -suffix.length - 1) : name;
}
