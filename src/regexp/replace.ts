import type { Regexp } from "./regexp.ts";
import type { Match, OnWork } from "./search.ts";

/**
 * A text in which each match is replaced by a template of Go's: `$1`, `$name` and `${name}` stand for groups, `$$` for `$`. A name goes
 * as far as letters, digits and `_` do. What matches nothing right behind a match is passed over.
 * @param onWork as of `Regexp.find`. @param onGrow told of the length of each piece before it is put in; may throw to stop.
 */
export function replaceAll(
  regexp: Regexp,
  source: string,
  template: string,
  onWork: OnWork = () => undefined,
  onGrow: (length: number) => void = () => undefined,
): string {
  const text = source.toWellFormed();
  const parts: string[] = [];
  let copied = 0;
  for (let from = 0; from <= text.length; ) {
    const match = regexp.find(text, from, onWork);
    if (match === undefined) break;
    const [start = 0, end = 0] = match;
    parts.push(text.slice(copied, start));
    if (end > copied || start === 0) {
      parts.push(expand(regexp, text, match, template, onGrow));
    }
    copied = end;
    const width = (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
    from = from + width > end ? from + width : end;
  }
  return parts.join("") + text.slice(copied);
}

const REFERENCE = /\$(?:\$|\{(\w+)\}|(\w+))/g;

function expand(
  { names }: Regexp,
  text: string,
  match: Match,
  template: string,
  onGrow: (length: number) => void,
): string {
  onGrow(template.length);
  return template.replace(REFERENCE, (whole: string, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return whole === "$$" ? "$" : whole;
    // Of several groups of one name the first that took part counts.
    const found = (index: number): boolean => (match[2 * index] ?? -1) >= 0;
    const index = /^\d+$/.test(name) ? Number(name) : names.findIndex((own, at) => own === name && found(at));
    if (!found(index)) return "";
    const group = text.slice(match[2 * index], match[2 * index + 1]);
    // Before all of them stand in one text, which may be longer than a text can be.
    onGrow(group.length);
    return group;
  });
}
