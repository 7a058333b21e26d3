import type { TemplateBudget } from "./budget.ts";
import { shortName, TemplateFault } from "./fault.ts";
import type { Surroundings } from "./functions/function.ts";
import { FUNCTIONS } from "./functions/table.ts";
import { describeItem, type Item, intItem, isTrue, NIL, sortedEntries, textItem } from "./item.ts";
import { printItem } from "./print.ts";
import type { Choice, Command, Node, Operand, Pipeline } from "./syntax.ts";

/** What a template is rendered with. */
export interface RenderContext extends Surroundings {
  /** Whether a key that a map has not is an error. */
  readonly errorOnMissingKey: boolean;
  /** What the template is about, its first dot; nothing unless told. */
  readonly data?: Item;
}

/** The value that a template begins with: it has no fields, and nobody is told so. */
const ROOT: Item = { kind: "nil" };

/** Goes through a template. @throws TemplateFault with the line. */
export function render(nodes: readonly Node[], context: RenderContext): string {
  const run = new Run(context);
  run.all(nodes, context.data ?? ROOT);
  return run.text;
}

type Jump = "break" | "continue" | undefined;

class Run {
  readonly #context: RenderContext;
  readonly #budget: TemplateBudget;
  readonly #parts: string[] = [];
  /** Innermost last. */
  readonly #variables: { readonly name: string; item: Item }[];

  constructor(context: RenderContext) {
    this.#context = context;
    this.#budget = context.budget;
    this.#variables = [{ name: "$", item: context.data ?? ROOT }];
  }

  get text(): string {
    return this.#parts.join("");
  }

  /** @returns what a `break` or `continue` in it asks of the loop around. */
  all(nodes: readonly Node[], dot: Item): Jump {
    for (const node of nodes) {
      switch (node.kind) {
        case "text":
          this.#put(node.text);
          break;
        case "output": {
          const item = this.#pipeline(node.pipeline, dot);
          if (node.pipeline.variables.length > 0) break;
          this.#put(at(node.pipeline.line, () => printItem(item, this.#budget)));
          break;
        }
        case "break":
        case "continue":
          return node.kind;
        default: {
          const jump = node.kind === "range" ? this.#range(node, dot) : this.#choose(node, dot);
          if (jump !== undefined) return jump;
        }
      }
    }
    return undefined;
  }

  #put(text: string): void {
    this.#budget.text(text.length);
    this.#parts.push(text);
  }

  /** Does something whose variables end with it. */
  #scoped<T>(work: () => T): T {
    const before = this.#variables.length;
    const result = work();
    this.#variables.length = before;
    return result;
  }

  #choose({ kind, pipeline, body, otherwise }: Choice, dot: Item): Jump {
    return this.#scoped(() => {
      const item = this.#pipeline(pipeline, dot);
      if (!isTrue(item)) return this.all(otherwise, dot);
      return this.all(body, kind === "with" ? item : dot);
    });
  }

  #range({ pipeline, body, otherwise }: Choice, dot: Item): Jump {
    return this.#scoped(() => {
      // The variables have it all, as in Go, until there is an item, and where there is none.
      const over = this.#pipeline(pipeline, dot);
      const [key, value] = pipeline.variables.length === 2 ? pipeline.variables : [undefined, ...pipeline.variables];
      let turns = 0;
      for (const [index, item] of at(pipeline.line, () => turnsOf(over, key !== undefined, this.#budget))) {
        turns++;
        at(pipeline.line, () => this.#budget.step());
        const jump = this.#scoped(() => {
          if (key !== undefined) this.#variable(key, pipeline.line).item = index;
          if (value !== undefined) this.#variable(value, pipeline.line).item = item;
          return this.all(body, item);
        });
        if (jump === "break") break;
      }
      return turns === 0 ? this.all(otherwise, dot) : undefined;
    });
  }

  #set({ assigns, line }: Pipeline, name: string, item: Item): void {
    if (!assigns) {
      this.#variables.push({ name, item });
      return;
    }
    this.#variable(name, line).item = item;
  }

  #variable(name: string, line: number): { item: Item } {
    this.#budget.look(this.#variables.length);
    const found = this.#variables.findLast((variable) => variable.name === name);
    if (found === undefined) throw new TemplateFault(`the variable ${name} has no value here`, { line });
    return found;
  }

  #pipeline(pipeline: Pipeline, dot: Item): Item {
    let item: Item | undefined;
    for (const command of pipeline.commands) item = this.#command(command, dot, item);
    const value = item ?? NIL;
    for (const name of pipeline.variables) this.#set(pipeline, name, value);
    return value;
  }

  #command({ first, rest, line }: Command, dot: Item, last: Item | undefined): Item {
    return at(line, () => {
      this.#budget.step();
      if (first.source.kind !== "function") return this.#operand(first, dot, line);
      return this.#call(first.source.name, rest, dot, { last, line });
    });
  }

  #call(
    name: string,
    rest: readonly Operand[],
    dot: Item,
    { last, line }: { readonly last: Item | undefined; readonly line: number },
  ): Item {
    const called = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (called === undefined) throw new TemplateFault(`there is no function ${name}`);
    const count = rest.length + (last === undefined ? 0 : 1);
    if (count < called.least || count > called.most) throw wrongCount(name, called, count);
    const values = function* (this: Run): Generator<Item> {
      for (const operand of rest) yield this.#operand(operand, dot, line);
      if (last !== undefined) yield last;
    }.bind(this);
    try {
      // Like Go's: what comes behind the word that decides is not looked at.
      return called.lazy === undefined ? called.run(this.#seen([...values()]), this.#context) : called.lazy(values());
    } catch (error) {
      if (!(error instanceof TemplateFault) || error.line !== undefined) throw error;
      throw new TemplateFault(`${name}: ${error.message}`, {
        ...(error.hint !== undefined && { hint: error.hint }),
        line,
      });
    }
  }

  /** Counts the texts that a function is about to look at. */
  #seen(values: readonly Item[]): readonly Item[] {
    for (const item of values) if (item.kind === "text") this.#budget.look(item.value.length);
    return values;
  }

  #operand({ source, path }: Operand, dot: Item, line: number): Item {
    this.#budget.look(path.length + 1);
    let item: Item;
    switch (source.kind) {
      case "dot":
        item = dot;
        break;
      case "literal":
        item = source.item;
        break;
      case "variable":
        item = this.#variable(source.name, line).item;
        break;
      case "group":
        item = this.#pipeline(source.pipeline, dot);
        break;
      case "function":
        item = this.#call(source.name, [], dot, { last: undefined, line });
    }
    for (const name of path) item = this.#field(item, name);
    return item;
  }

  #field(item: Item, name: string): Item {
    const { errorOnMissingKey } = this.#context;
    if (item === ROOT && !errorOnMissingKey) return ROOT;
    if (item.kind !== "map")
      throw new TemplateFault(`.${shortName(name)} is looked up in ${describeItem(item)}, which has no fields`);
    const found = item.entries.get(name);
    if (found !== undefined) return found;
    if (errorOnMissingKey) throw new TemplateFault(`a map has no key ${shortName(name)}`);
    return item.ofText ? textItem("") : NIL;
  }
}

/** Adds the line to what is thrown without one. */
function at<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TemplateFault) || error.line !== undefined) throw error;
    throw new TemplateFault(error.message, { ...(error.hint !== undefined && { hint: error.hint }), line });
  }
}

function* turnsOf(over: Item, keyed: boolean, budget: TemplateBudget): Generator<readonly [Item, Item]> {
  switch (over.kind) {
    case "nil":
      return;
    case "list":
      for (const [index, item] of over.items.entries()) yield [intItem(BigInt(index)), item];
      return;
    case "map":
      // All of it is put in order, however soon a break comes.
      budget.step(over.entries.size);
      for (const [key, item] of sortedEntries(over.entries)) yield [textItem(key), item];
      return;
    case "loop":
      for (let value = over.start; value < over.stop; value++) yield [intItem(value - over.start), intItem(value)];
      return;
    case "int":
      if (keyed) break;
      for (let value = 0n; value < over.value; value++) yield [NIL, intItem(value)];
      return;
  }
  throw new TemplateFault(
    `range goes through a list, a map or a loop${keyed ? " with two variables" : ""}, found ${describeItem(over)}`,
  );
}

function wrongCount(
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
  found: number,
): TemplateFault {
  const wanted = least === most ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`;
  return new TemplateFault(`${name} takes ${wanted} ${wanted === "1" ? "value" : "values"}, found ${found}`);
}
