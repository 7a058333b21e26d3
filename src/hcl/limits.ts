/** The largest text that is read: a thousand times a long job file, and small enough to be parsed in bounded time and memory. */
export const MAX_SOURCE_BYTES = 4 * 1024 * 1024;

/** How deep blocks, lists, objects, parentheses and templates may stand in each other; a job file needs about ten. */
export const MAX_DEPTH = 200;

/** How many values, blocks, labels and steps of references one text may hold; each costs a few hundred bytes. */
export const MAX_VALUES = 200_000;

/** How many errors of one file are told; the rest of a file that has more is rarely worth reading. */
export const MAX_ERRORS = 100;

/** A name of the user's in double quotes for a message, cut where it is too long to be one. */
export function quoteName(name: string): string {
  return name.length <= 60 ? `"${name}"` : `"${name.slice(0, 60)}…"`;
}
