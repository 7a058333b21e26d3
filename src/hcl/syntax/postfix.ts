import type { AccessStep, Expression, TraversalStep } from "../ast.ts";
import { MAX_SPLATS } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import type { Token } from "./lexer.ts";
import { isWrittenOut } from "./references.ts";

export type ParseExpression = (cursor: Cursor) => Expression;

/** A step as it is written, before it is known what a splat takes along. */
type Step = TraversalStep | { readonly kind: "star"; readonly full: boolean };

/** Reads a primary expression and the `.name`, `[index]` and splats behind it. */
export function parsePostfix(
  cursor: Cursor,
  parsePrimary: ParseExpression,
  parseExpression: ParseExpression,
): Expression {
  const start = cursor.token;
  const grouped = cursor.is("(");
  const base = parsePrimary(cursor);
  const steps: Step[] = [];
  /** How many of the steps are known as they are written, and where the last of them ends. */
  let known = 0;
  let knownEnd = base.span.end.offset;
  let end = knownEnd;
  while (cursor.is(".") || cursor.is("[")) {
    cursor.count();
    const read = cursor.is(".") ? parseDotStep(cursor) : parseIndexStep(cursor, parseExpression);
    if (known === steps.length && read.steps.every(isKnown)) {
      known += read.steps.length;
      knownEnd = read.end;
    }
    steps.push(...read.steps);
    end = read.end;
  }
  if (steps.length === 0 || base.kind === "invalid") return base;
  if (steps.filter(({ kind }) => kind === "star").length > MAX_SPLATS) {
    cursor.report(start.start, end, `more than ${MAX_SPLATS} splats in one expression`);
    return { kind: "invalid", span: cursor.source.span(start.start, end) };
  }
  if (hasNestedSplat(steps)) {
    cursor.report(
      start.start,
      end,
      'a ".*" stands within another one',
      'write "[*]", which goes through lists in lists',
    );
    return { kind: "invalid", span: cursor.source.span(start.start, end) };
  }
  const plain = base.kind === "traversal" && !grouped ? known : 0;
  const root: Expression =
    base.kind === "traversal" && plain > 0
      ? {
          ...base,
          steps: steps.slice(0, plain).flatMap((step) => (step.kind === "star" ? [] : [step])),
          source: cursor.source.text.slice(start.start, knownEnd),
          span: cursor.source.span(start.start, knownEnd),
        }
      : base;
  if (plain === steps.length) return root;
  const span = cursor.source.span(start.start, end);
  return { kind: "access", base: root, steps: gatherSplats(steps.slice(plain)), span };
}

/** Whether behind a `.*` and nothing but names another one stands. */
function hasNestedSplat(steps: readonly Step[]): boolean {
  let within = false;
  for (const step of steps) {
    const star = step.kind === "star" && !step.full;
    if (star && within) return true;
    within = star || (within && step.kind === "attribute");
  }
  return false;
}

/** Gives each splat the steps that it takes of each item. */
function gatherSplats(steps: readonly Step[]): AccessStep[] {
  const gathered: AccessStep[] = [];
  for (let at = 0; at < steps.length; at++) {
    const step = steps[at];
    if (step === undefined) break;
    if (step.kind !== "star") gathered.push(step);
    else if (step.full) {
      gathered.push({ kind: "splat", each: gatherSplats(steps.slice(at + 1)) });
      break;
    } else {
      const behind = steps.slice(at + 1);
      const stop = behind.findIndex(({ kind }) => kind !== "attribute");
      const names = stop === -1 ? behind : behind.slice(0, stop);
      gathered.push({ kind: "splat", each: gatherSplats(names) });
      at += names.length;
    }
  }
  return gathered;
}

/** Whether a step is known without computing anything: then a reference that only the run time knows keeps it as it is spelled. */
function isKnown(step: Step): boolean {
  return step.kind === "index" ? isWrittenOut(step.key) : step.kind === "attribute";
}

interface ReadStep {
  readonly steps: readonly Step[];
  readonly end: number;
}

function parseDotStep(cursor: Cursor): ReadStep {
  cursor.advance();
  if (cursor.is("*")) return { steps: [{ kind: "star", full: false }], end: cursor.advance().end };
  if (cursor.is("identifier")) {
    const name = cursor.advance();
    return { steps: [{ kind: "attribute", name: cursor.text(name) }], end: name.end };
  }
  if (!cursor.is("number")) cursor.failExpecting('a name after "."');
  const number = cursor.advance();
  const text = cursor.text(number);
  if (!/^\d+$/.test(text)) {
    const hint = `write ${text
      .split(".")
      .map((part) => `[${part}]`)
      .join("")}`;
    cursor.report(number.start, number.end, "one number behind a dot is an index, several are none", hint);
  }
  const key: Expression = { kind: "number", text, span: cursor.span(number, number) };
  return { steps: [{ kind: "index", key }], end: number.end };
}

function parseIndexStep(cursor: Cursor, parseExpression: ParseExpression): ReadStep {
  const { value, close } = cursor.bracketed(false, (open) => {
    if (cursor.is("*")) {
      cursor.advance();
      if (!cursor.is("]")) cursor.failInside(open, '"]"');
      return undefined;
    }
    const key = parseInside(cursor, open, '"]"', parseExpression);
    if (!cursor.is("]")) cursor.failInside(open, '"]"');
    return key;
  });
  const step: Step = value === undefined ? { kind: "star", full: true } : { kind: "index", key: value };
  return { steps: [step], end: close.end };
}

/** Reads an expression within brackets, unless the text shows that their closing was forgotten. */
export function parseInside(
  cursor: Cursor,
  open: Token,
  expected: string,
  parseExpression: ParseExpression,
): Expression {
  if (cursor.is("end") || cursor.is("}") || cursor.atItemStart()) cursor.failInside(open, expected);
  return parseExpression(cursor);
}
