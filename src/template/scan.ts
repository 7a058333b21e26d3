import { closingAt, type Delimiters, isSpace } from "./delimiters.ts";
import { TemplateFault } from "./fault.ts";
import { MAX_TEMPLATE_WORDS } from "./limits.ts";
import { type Token, tokenize } from "./token.ts";

/** A piece of a template: text as it is, or the words of an action. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly tokens: readonly Token[]; readonly line: number };

/**
 * Cuts a template into text and actions, as Go's lexer does: `{{- ` and ` -}}` take the space before and behind along, and a comment
 * fills its action.
 * @throws TemplateFault.
 */
export function* scan(text: string, { left, right }: Delimiters): Generator<Piece> {
  let line = 1;
  let counted = 0;
  let words = 0;
  const lineAt = (at: number): number => {
    for (; counted < at; counted++) if (text[counted] === "\n") line++;
    return line;
  };
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf(left, at);
    const trims = open !== -1 && text[open + left.length] === "-" && isSpace(text[open + left.length + 1]);
    const plain = text.slice(at, open === -1 ? undefined : open);
    const kept = trims ? trimEnd(plain) : plain;
    if (kept !== "") yield { kind: "text", text: kept };
    if (open === -1) return;
    const begin = open + left.length + (trims ? 2 : 0);
    const began = lineAt(open);
    let end: number;
    if (text.startsWith("/*", begin)) end = endOfComment(text, begin, right, began);
    else {
      const action = tokenize(text, begin, right, lineAt);
      end = action.end;
      words += action.tokens.length;
      if (words > MAX_TEMPLATE_WORDS) {
        throw new TemplateFault(`its actions have more than ${MAX_TEMPLATE_WORDS} words`, { line: began });
      }
      yield { kind: "action", tokens: action.tokens, line: began };
    }
    const closing = closingAt(text, end, right);
    at = end + (closing?.length ?? 0);
    if (closing?.trims) while (isSpace(text[at])) at++;
  }
}

function endOfComment(text: string, begin: number, right: string, line: number): number {
  const end = text.indexOf("*/", begin + 2);
  if (end === -1) throw new TemplateFault("a comment has no end", { hint: 'write "*/" behind it', line });
  if (closingAt(text, end + 2, right) === undefined) {
    throw new TemplateFault(`a comment must end with */ right before ${right}`, { line });
  }
  return end + 2;
}

/** Without a regular expression, which would look at a long run of spaces once for each of them. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1])) end--;
  return text.slice(0, end);
}
