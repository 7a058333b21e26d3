/**
 * Makes control bytes visible, so that what a guest, a file or a server wrote cannot move a terminal's cursor or start an escape
 * sequence. Tab and newline stay when `keepLines` is true.
 */
export function escapeControls(text: string, keepLines = false): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
    if (keepLines && (char === "\n" || char === "\t")) return char;
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Cuts what somebody else made as long as they liked, for a message. @param most characters. */
export function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** Edit distance with transpositions (optimal string alignment), for suggestions. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, (last[column - 1] ?? 0) + cost);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/** Longer words are no names that somebody misspelt, and comparing them takes long. */
const LONGEST_NAME = 100;

/** The known names that are near enough to a misspelt one to be what was meant, the nearest first. @param most how many. */
export function nearestNames(wrong: string, known: Iterable<string>, most: number): string[] {
  if (wrong.length > LONGEST_NAME) return [];
  // A name of which no letter stays is not what was meant.
  const reach = Math.min(wrong.length - 1, Math.max(1, Math.floor(wrong.length / 3)));
  const folded = wrong.toLowerCase();
  return [...known]
    .filter((name) => Math.abs(name.length - wrong.length) <= reach)
    .map((name) => ({ name, distance: editDistance(folded, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= reach)
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, most)
    .map(({ name }) => name);
}

/** The known name that is nearest to a misspelt one, or undefined when none is near enough to be what was meant. */
export function nearestName(wrong: string, known: Iterable<string>): string | undefined {
  return nearestNames(wrong, known, 1)[0];
}

/** `["a", "b", "c"]` as `a, b or c`, for messages that list what is allowed. */
export function orList(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The first of some words, and how many more there are: `a, b and 7 more`. */
export function listSome(words: readonly string[], most: number): string {
  const shown = words.slice(0, most).join(", ");
  return words.length > most ? `${shown} and ${words.length - most} more` : shown;
}

/** A word as a shell takes it: in single quotes unless it would be left alone without. */
export function shellWord(word: string): string {
  return /^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A word that names something on a command line of ours, where one that begins with a dash is taken for a flag. */
export function shellOperand(word: string): string {
  return `${word.startsWith("-") ? "-- " : ""}${shellWord(word)}`;
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

/** The words for true and false that Go's `strconv.ParseBool` takes, and so Nomad's flags and queries; undefined for any other. */
export function parseGoBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/** A path as `/proc/self/mounts` and `mountinfo` have it, where space, tab, newline and backslash are three octal digits. */
export function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

const NEWLINE = 0x0a;

/** Offset of the last `count` lines; undefined when there are not that many. A line end at the very end begins no line. */
export function startOfLastLines(data: Uint8Array, count: number): number | undefined {
  if (count === 0) return data.length;
  let at = data.length - 1;
  for (let left = count; at > 0; ) {
    at = data.lastIndexOf(NEWLINE, at - 1);
    if (at >= 0 && --left === 0) return at + 1;
  }
  return undefined;
}
