/** The largest text that is read: a thousand times a long job file, and small enough to be parsed in bounded time and memory. */
export const MAX_SOURCE_BYTES = 4 * 1024 * 1024;

/** How deep blocks, lists, objects, parentheses and templates may stand in each other; a job file needs about ten. */
export const MAX_DEPTH = 200;

/** How many values, blocks, labels and steps of references one text may hold; each costs a few hundred bytes. */
export const MAX_VALUES = 200_000;

/** How many splats (`[*]`) may follow each other; each makes lists of lists. */
export const MAX_SPLATS = 20;

/** How many errors of one file are told; the rest of a file that has more is rarely worth reading. */
export const MAX_ERRORS = 100;

/**
 * How much the expressions of one file may compute: each expression, each turn of a loop and each value that a function looks at
 * counts as one. A long job file needs a few thousand; this many take about a second.
 */
export const MAX_WORK = 5_000_000;

/** How many values the expressions of one file may make; each costs about a hundred bytes. */
export const MAX_MADE_VALUES = 500_000;

/** How much text the expressions of one file may make, in UTF-16 code units: several times what a file itself may hold. */
export const MAX_MADE_TEXT = 32 * 1024 * 1024;

/** How many blocks `dynamic` may make: each is decoded and checked like a written one, which takes most of a millisecond. */
export const MAX_MADE_BLOCKS = 5_000;

/** How many known names are compared with misspelt ones of one file, to find what was meant; each takes some microseconds. */
export const MAX_COMPARED = 100_000;

/** How deep computed values may be nested: deeper ones than a file can write come only from values made of values. */
export const MAX_VALUE_DEPTH = 300;

/** A name of the user's in double quotes for a message, cut where it is too long to be one. */
export function quoteName(name: string): string {
  return name.length <= 60 ? `"${name}"` : `"${name.slice(0, 60)}…"`;
}

/** Stands in messages for a text that is not shown. */
export const HIDDEN = '"…"';
