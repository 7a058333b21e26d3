import type { Delimiters } from "./delimiters.ts";
import { TemplateFault, type TemplateProblem } from "./fault.ts";
import { explainMissing } from "./functions/missing.ts";
import { FUNCTIONS } from "./functions/table.ts";
import { MAX_TEMPLATE_DEPTH, MAX_TEMPLATE_PROBLEMS } from "./limits.ts";
import { parsePipeline, Words } from "./pipeline.ts";
import { scan } from "./scan.ts";
import type { Choice, Node, Pipeline } from "./syntax.ts";
import type { Token } from "./token.ts";

export interface ParsedTemplate {
  readonly nodes: readonly Node[];
  /** When there is one, the template cannot be rendered. */
  readonly problems: readonly TemplateProblem[];
}

/** Reads a template of Go's text/template. All functions that are not there are told at once; of mistakes in the form only the first. */
export function parseTemplate(text: string, delimiters: Delimiters): ParsedTemplate {
  const parser = new Parser();
  try {
    for (const piece of scan(text, delimiters)) {
      if (piece.kind === "text") parser.add({ kind: "text", text: piece.text });
      else parser.action(piece.tokens, piece.line);
    }
    return { nodes: parser.finish(), problems: parser.problems };
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    const { line = 1, message, hint } = error;
    return { nodes: [], problems: [...parser.problems, { line, message, hint }] };
  }
}

/** A block that is not ended yet. */
interface Open {
  readonly choice: { -readonly [K in keyof Choice]: Choice[K] } | undefined;
  readonly line: number;
  /** Where what is read goes. */
  nodes: Node[];
  readonly body: Node[];
  /** How many variables there were before it. */
  readonly variables: number;
  hasElse: boolean;
  /** Whether it was begun by `else if`, and ends with the block around it. */
  readonly chained: boolean;
}

class Parser {
  readonly problems: TemplateProblem[] = [];
  readonly #missing = new Set<string>();
  readonly #open: Open[] = [open(undefined, 1, 0, false)];
  /** Names that are known, innermost last. */
  #variables: string[] = ["$"];

  add(node: Node): void {
    this.#innermost().nodes.push(node);
  }

  action(tokens: readonly Token[], line: number): void {
    const words = new Words(tokens, line);
    const keyword = words.peekName();
    switch (keyword) {
      case "if":
      case "with":
      case "range":
        words.take();
        this.#begin(keyword, words, line, false);
        return;
      case "else":
        words.take();
        this.#otherwise(words, line);
        return;
      case "end":
        words.take();
        words.assertEnd("end");
        this.#end(line);
        return;
      case "break":
      case "continue":
        words.take();
        words.assertEnd(keyword);
        if (!this.#open.some(({ choice }) => choice?.kind === "range")) {
          throw new TemplateFault(`${keyword} stands outside of a range`, { line });
        }
        this.add({ kind: keyword, line });
        return;
      case "define":
      case "block":
      case "template":
        throw new TemplateFault(`${keyword} is not supported`, { hint: "write its text where it is used", line });
      default:
        this.add({ kind: "output", pipeline: this.#pipeline(words, line, false) });
    }
  }

  finish(): readonly Node[] {
    const { nodes, choice, line } = this.#innermost();
    if (choice !== undefined) throw new TemplateFault(`${choice.kind} has no end`, { hint: "write {{ end }}", line });
    return nodes;
  }

  #innermost(): Open {
    const last = this.#open.at(-1);
    if (last === undefined) throw new Error("the template itself is never ended");
    return last;
  }

  #pipeline(words: Words, line: number, mayRange: boolean): Pipeline {
    const pipeline = parsePipeline(words, {
      line,
      mayRange,
      knows: (name) => this.#variables.includes(name),
      depth: 0,
    });
    for (const { name, line: at } of words.functions) {
      if (!Object.hasOwn(FUNCTIONS, name)) this.#tellMissing(name, at);
    }
    if (!pipeline.assigns) this.#variables.push(...pipeline.variables);
    return pipeline;
  }

  /** Each of them once. */
  #tellMissing(name: string, line: number): void {
    if (this.#missing.has(name) || this.#missing.size === MAX_TEMPLATE_PROBLEMS) return;
    this.#missing.add(name);
    this.problems.push({ line, ...explainMissing(name) });
  }

  #begin(kind: Choice["kind"], words: Words, line: number, chained: boolean): void {
    if (this.#open.length > MAX_TEMPLATE_DEPTH) {
      throw new TemplateFault(`blocks stand more than ${MAX_TEMPLATE_DEPTH} deep in each other`, { line });
    }
    const variables = this.#variables.length;
    const choice = { kind, pipeline: this.#pipeline(words, line, kind === "range"), body: [], otherwise: [] };
    this.#open.push(open(choice, line, variables, chained));
  }

  #otherwise(words: Words, line: number): void {
    const block = this.#innermost();
    if (block.choice === undefined || block.hasElse) {
      const found = block.hasElse ? "a second else of one block" : "else stands outside of if, with and range";
      throw new TemplateFault(found, { line });
    }
    block.hasElse = true;
    block.nodes = [];
    const next = words.peekName();
    if (next === "if" || next === "with") {
      if (next === "if" ? block.choice.kind !== "if" : block.choice.kind !== "with") {
        throw new TemplateFault(`else ${next} continues ${next} alone, found ${block.choice.kind}`, { line });
      }
      words.take();
      this.#begin(next, words, line, true);
      return;
    }
    words.assertEnd("else");
  }

  #end(line: number): void {
    const block = this.#open.pop();
    if (block?.choice === undefined) throw new TemplateFault("end stands outside of if, with and range", { line });
    const { choice, body, hasElse, nodes, variables, chained } = block;
    this.#variables = this.#variables.slice(0, variables);
    this.add({ ...choice, body, otherwise: hasElse ? nodes : [] });
    if (chained) this.#end(line);
  }
}

function open(choice: Choice | undefined, line: number, variables: number, chained: boolean): Open {
  const body: Node[] = [];
  return { choice, line, nodes: body, body, variables, hasElse: false, chained };
}
