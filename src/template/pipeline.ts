import { shortName, TemplateFault } from "./fault.ts";
import { flagItem, NIL } from "./item.ts";
import { MAX_TEMPLATE_DEPTH } from "./limits.ts";
import type { Command, Operand, Pipeline, Source } from "./syntax.ts";
import type { Token } from "./token.ts";

/** The words of one action, read one by one. */
export class Words {
  /** The functions that were named, for whoever knows which there are. */
  readonly functions: { readonly name: string; readonly line: number }[] = [];
  readonly #tokens: readonly Token[];
  readonly #line: number;
  #at = 0;

  constructor(tokens: readonly Token[], line: number) {
    this.#tokens = tokens;
    this.#line = line;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  peekName(): string | undefined {
    const token = this.peek();
    return token?.kind === "name" ? token.text : undefined;
  }

  isSymbol(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token?.kind === "symbol" && token.text === text;
  }

  take(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  get line(): number {
    return this.peek()?.line ?? this.#tokens.at(-1)?.line ?? this.#line;
  }

  assertEnd(behind: string): void {
    if (this.peek() !== undefined) throw new TemplateFault(`nothing may stand behind ${behind}`, { line: this.line });
  }
}

export interface PipelineContext {
  readonly line: number;
  /** Whether two variables may be declared. */
  readonly mayRange: boolean;
  readonly knows: (variable: string) => boolean;
  /** Of parentheses. */
  readonly depth: number;
}

/** Reads a pipeline up to the end of its action, or its closing parenthesis. @throws TemplateFault. */
export function parsePipeline(words: Words, context: PipelineContext): Pipeline {
  const { line } = context;
  const { variables, assigns } = readVariables(words, context);
  const commands: Command[] = [];
  do {
    if (commands.length > 0) words.take();
    commands.push(readCommand(words, context, commands.length));
  } while (words.isSymbol("|"));
  if (context.depth === 0 && words.peek() !== undefined) {
    throw new TemplateFault("an action holds a symbol where none may stand", { line: words.line });
  }
  return { line, variables, assigns, commands };
}

function readVariables(words: Words, context: PipelineContext): Pick<Pipeline, "variables" | "assigns"> {
  const [first, second] = [words.peek(), words.peek(2)];
  const none = { variables: [], assigns: false };
  if (first?.kind !== "variable") return none;
  const pair = context.mayRange && words.isSymbol(",", 1) && second?.kind === "variable";
  const sign = words.peek(pair ? 3 : 1);
  if (sign?.kind !== "symbol" || (sign.text !== ":=" && sign.text !== "=")) return none;
  const variables = pair ? [first.text, second.text] : [first.text];
  const assigns = sign.text === "=";
  for (const name of variables) {
    if (assigns && !context.knows(name)) throw unknownVariable(name, first.line);
  }
  for (let taken = 0; taken < (pair ? 4 : 2); taken++) words.take();
  return { variables, assigns };
}

function readCommand(words: Words, context: PipelineContext, stage: number): Command {
  const { line } = words;
  const operands: Operand[] = [];
  while (words.peek() !== undefined && !words.isSymbol("|") && !words.isSymbol(")")) {
    if (operands.length > 0 && words.peek()?.spaced === false) {
      throw new TemplateFault("space must stand between the words of an action", { line: words.line });
    }
    operands.push(readOperand(words, context));
  }
  const [first, ...rest] = operands;
  if (first === undefined) throw new TemplateFault("a value is missing in an action", { line });
  const { source } = first;
  if (source.kind === "literal" && source.item.kind === "nil") throw new TemplateFault("nil is no command", { line });
  if (stage > 0 && source.kind !== "function") {
    throw new TemplateFault("a function must stand behind |", { line });
  }
  if (rest.length > 0 && source.kind !== "function") {
    throw new TemplateFault("a value that is no function stands before others", { line });
  }
  return { line, first, rest };
}

function readOperand(words: Words, context: PipelineContext): Operand {
  const { line } = words;
  const token = words.take();
  switch (token?.kind) {
    case "literal":
      return withPath(words, { kind: "literal", item: token.item });
    case "field":
      return token.text === "."
        ? withPath(words, { kind: "dot" })
        : withPath(words, { kind: "dot" }, [token.text.slice(1)]);
    case "variable":
      if (!context.knows(token.text)) throw unknownVariable(token.text, line);
      return withPath(words, { kind: "variable", name: token.text });
    case "name":
      return readName(words, token.text, line);
    default:
      if (token?.text === "(") return readGroup(words, context, line);
      throw new TemplateFault("an action holds a symbol where none may stand", { line });
  }
}

function readName(words: Words, name: string, line: number): Operand {
  if (name === "true" || name === "false") return withPath(words, { kind: "literal", item: flagItem(name === "true") });
  if (name === "nil") return withPath(words, { kind: "literal", item: NIL });
  words.functions.push({ name, line });
  return withPath(words, { kind: "function", name });
}

function readGroup(words: Words, context: PipelineContext, line: number): Operand {
  const depth = context.depth + 1;
  if (depth > MAX_TEMPLATE_DEPTH) {
    throw new TemplateFault(`parentheses stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`, { line });
  }
  const pipeline = parsePipeline(words, { ...context, mayRange: false, depth });
  if (pipeline.variables.length > 0) throw new TemplateFault("no variable is declared in parentheses", { line });
  if (!words.isSymbol(")")) throw new TemplateFault("a parenthesis has no end", { line });
  words.take();
  return withPath(words, { kind: "group", pipeline });
}

/** The fields that stand right behind. */
function withPath(words: Words, source: Source, begin: readonly string[] = []): Operand {
  const path = [...begin];
  while (true) {
    const token = words.peek();
    if (token?.kind !== "field" || token.spaced || token.text === ".") break;
    if (source.kind === "literal" || source.kind === "function") {
      throw new TemplateFault("a field stands behind what has none", {
        hint: "put it into parentheses",
        line: token.line,
      });
    }
    words.take();
    path.push(token.text.slice(1));
  }
  return { source, path };
}

const unknownVariable = (name: string, line: number): TemplateFault =>
  new TemplateFault(`nothing declares the variable ${shortName(name)}`, {
    hint: "declare it before, as $name := …",
    line,
  });
