/** A place in a source text. */
export interface Position {
  /** Offset in UTF-16 code units from the start of the text. */
  readonly offset: number;
  /** Line, from 1. */
  readonly line: number;
  /** Column in Unicode characters, from 1. */
  readonly column: number;
}

/** A stretch of a source text; `end` is the position behind its last character. */
export interface Span {
  /** The name the user knows the text by: a path as it was given, or `<stdin>`, or `<request>`. */
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}
