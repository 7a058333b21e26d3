import type { Attribute, Block, Body, Expression } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, typeOf } from "../cty/datum.ts";
import type { Type } from "../cty/type.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { compute, type Surroundings, withoutFunctions } from "../evaluation/evaluate.ts";
import { toBoolean } from "../evaluation/operators.ts";
import type { Scope } from "../evaluation/scope.ts";
import { readType } from "../evaluation/type-expression.ts";
import { quoteName } from "../limits.ts";
import type { Span } from "../span.ts";
import { memberOf, plainText, referencesIn } from "../syntax/references.ts";

/** Where the value of a variable comes from. */
export interface Assignment {
  readonly value: Datum;
  /** It was given from outside of the job file, and is not shown. */
  readonly outside: boolean;
  /** Where it stands, in the job file or a file of variables. */
  readonly span: Span | undefined;
}

/** A variable as the job file declares it. */
export interface Variable {
  readonly name: string;
  readonly span: Span;
  /** Undefined where neither a type nor a default says one: then a value is text. */
  readonly type: Type | undefined;
  readonly fallback: Assignment | undefined;
  readonly validations: readonly Validation[];
  /** Its declaration is wrong, which was told: nothing more is told of it. */
  readonly broken: boolean;
}

export interface Validation {
  readonly condition: Expression;
  readonly message: string;
  readonly span: Span;
}

/** Takes what is wrong. @returns undefined, to be returned. */
export type Tell = (span: Span, message: string, hint?: string) => undefined;

/** A scope in which nothing is known and nothing is left to the run time: for what must be written out. */
const WRITTEN_OUT: Scope = () => ({ kind: "problem", message: "a value is written out here: no references" });

/** The value of an expression that may use neither names nor functions. */
export function computeWrittenOut(expression: Expression): {
  readonly value: Datum | undefined;
  readonly diagnostics: readonly Diagnostic[];
} {
  return compute(expression, WRITTEN_OUT, withoutFunctions());
}

/** Reads the variables that a file declares, by `variable` blocks and `variables` blocks. */
export function readVariables(body: Body, diagnostics: Diagnostic[]): ReadonlyMap<string, Variable> {
  const variables = new Map<string, Variable>();
  const tell: Tell = (span, message, hint) => {
    diagnostics.push({ severity: "error", span, message, hint });
  };
  const add = (variable: Variable | undefined) => {
    if (variable === undefined) return;
    const first = variables.get(variable.name);
    if (first === undefined) variables.set(variable.name, variable);
    else
      tell(
        variable.span,
        `variable ${quoteName(variable.name)} is declared twice; first on line ${first.span.start.line}`,
      );
  };
  for (const block of body.blocks) {
    if (block.type === "variable") add(new Declaration(tell, diagnostics).read(block));
    if (block.type === "variables") for (const variable of readPlain(block, tell, diagnostics)) add(variable);
  }
  return variables;
}

/** `variables { name = default }` */
function readPlain(block: Block, tell: Tell, diagnostics: Diagnostic[]): Variable[] {
  for (const label of block.labels) tell(label.span, "variables takes no label");
  for (const inner of block.body.blocks) {
    tell(inner.typeSpan, `variables holds no blocks, found ${quoteName(inner.type)}`, `write ${inner.type} = …`);
  }
  return block.body.attributes.map(({ name, nameSpan, value }): Variable => {
    const { value: found, diagnostics: told } = computeWrittenOut(value);
    diagnostics.push(...told.map(asSecret));
    const fallback = found === undefined ? undefined : { value: found, outside: false, span: value.span };
    const type = found === undefined ? undefined : typeOf(found);
    return { name, span: nameSpan, type, fallback, validations: [], broken: found === undefined };
  });
}

/** A default may be a password: its line is not shown. */
const asSecret = (diagnostic: Diagnostic): Diagnostic => ({ ...diagnostic, secret: true });

const ATTRIBUTES = ["type", "default", "description"];

class Declaration {
  readonly #tell: Tell;
  readonly #diagnostics: Diagnostic[];
  #broken = false;

  constructor(tell: Tell, diagnostics: Diagnostic[]) {
    this.#diagnostics = diagnostics;
    this.#tell = (span, message, hint) => {
      this.#broken = true;
      return tell(span, message, hint);
    };
  }

  read({ typeSpan, labels, body }: Block): Variable | undefined {
    const [label, extra] = labels;
    if (label === undefined) return this.#tell(typeSpan, "missing label: the name of the variable, in double quotes");
    if (extra !== undefined) this.#tell(extra.span, "variable takes one label");
    const name = label.text;
    if (!/^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(name)) {
      this.#tell(
        label.span,
        `${quoteName(name)} is no name`,
        "a name is letters, digits, _ and -, and begins with no digit",
      );
    }
    this.#refuseOthers(body);
    const attributes = new Map(body.attributes.map((attribute) => [attribute.name, attribute]));
    this.#readDescription(attributes.get("description"));
    const type = this.#readType(attributes.get("type"));
    const fallback = this.#readDefault(attributes.get("default"), type);
    const validations = body.blocks
      .filter((block) => block.type === "validation")
      .map((block) => this.#readValidation(name, block))
      .filter((validation) => validation !== undefined);
    const broken = this.#broken || body.incomplete === true;
    const known = type ?? (fallback === undefined ? undefined : typeOf(fallback.value));
    return { name, span: label.span, type: known, fallback, validations, broken };
  }

  #refuseOthers(body: Body): void {
    const hint = "known here: type, default, description, validation";
    for (const { name, nameSpan } of body.attributes) {
      if (!ATTRIBUTES.includes(name)) this.#tell(nameSpan, `unknown attribute ${quoteName(name)} of a variable`, hint);
    }
    for (const { type, typeSpan } of body.blocks) {
      if (type !== "validation") this.#tell(typeSpan, `unknown block ${quoteName(type)} of a variable`, hint);
    }
  }

  #readDescription(attribute: Attribute | undefined): void {
    if (attribute === undefined) return;
    const value = this.#compute(attribute.value);
    if (value !== undefined && value.kind !== "string") this.#tell(attribute.value.span, "description must be text");
  }

  #compute(expression: Expression): Datum | undefined {
    const { value, diagnostics } = computeWrittenOut(expression);
    this.#diagnostics.push(...diagnostics);
    if (value === undefined) this.#broken = true;
    return value;
  }

  #readType(attribute: Attribute | undefined): Type | undefined {
    if (attribute === undefined || attribute.value.kind === "invalid") return undefined;
    const type = readType(attribute.value, "exact");
    return "problem" in type ? this.#tell(type.span, type.problem, type.hint) : type;
  }

  #readDefault(attribute: Attribute | undefined, type: Type | undefined): Assignment | undefined {
    if (attribute === undefined) return undefined;
    const { span } = attribute.value;
    const { value, diagnostics } = computeWrittenOut(attribute.value);
    this.#diagnostics.push(...diagnostics.map(asSecret));
    this.#broken ||= value === undefined;
    if (value === undefined) return undefined;
    try {
      return { value: type === undefined ? value : convert(value, type), outside: false, span };
    } catch (error) {
      if (!(error instanceof Mismatch)) throw error;
      const message = `the default is not of the variable's type: ${error.message}`;
      this.#broken = true;
      this.#diagnostics.push({ severity: "error", span, message, secret: true });
      return undefined;
    }
  }

  #readValidation(name: string, { typeSpan, body }: Block): Validation | undefined {
    const attributes = new Map(body.attributes.map(({ name: key, value }) => [key, value]));
    for (const { name: key, nameSpan } of body.attributes) {
      if (key === "condition" || key === "error_message") continue;
      this.#tell(
        nameSpan,
        `unknown attribute ${quoteName(key)} of a validation`,
        "known here: condition, error_message",
      );
    }
    const condition = attributes.get("condition");
    const message = attributes.get("error_message");
    if (body.incomplete !== true) {
      if (condition === undefined) this.#tell(typeSpan, 'missing attribute "condition"');
      if (message === undefined) this.#tell(typeSpan, 'missing attribute "error_message"');
    }
    if (condition !== undefined) this.#checkReferences(name, condition);
    const text = message === undefined ? undefined : this.#readMessage(message);
    if (condition === undefined || text === undefined) return undefined;
    return { condition, message: text, span: condition.span };
  }

  /** A condition says something of its variable and of nothing else. */
  #checkReferences(name: string, condition: Expression): void {
    const references = referencesIn(condition);
    const own = references.filter((reference) => reference.root === "var" && memberOf(reference) === name);
    const other = references.find((reference) => reference.root === "var" && memberOf(reference) !== name);
    const hint = `it says whether var.${name} may be as it is`;
    if (other !== undefined) this.#tell(other.span, "the condition of a variable names no other one", hint);
    else if (own.length === 0) this.#tell(condition.span, `the condition does not name var.${name}`, hint);
  }

  #readMessage(expression: Expression): string | undefined {
    const text = plainText(expression);
    if (text === undefined) return this.#tell(expression.span, "error_message must be plain text");
    const whole = /[.?!]$/.test(text) && !/^\p{Ll}/u.test(text);
    if (whole) return text;
    return this.#tell(expression.span, "error_message must be a sentence: a capital letter first, a full stop last");
  }
}

/** Tells which validations a value does not meet. */
export function validateVariable(
  { name, span: declared, validations }: Variable,
  assignment: Assignment,
  surroundings: Surroundings,
  diagnostics: Diagnostic[],
): void {
  const scope: Scope = (root, member) => {
    if (root !== "var") return { kind: "problem", message: `only var.${name} is known here` };
    if (member !== name) return { kind: "problem", message: `only var.${name} is known here` };
    return { kind: "member", value: assignment.value, outside: assignment.outside };
  };
  for (const { condition, message, span } of validations) {
    const { value, diagnostics: told } = compute(condition, scope, surroundings);
    diagnostics.push(...told);
    if (value === undefined) continue;
    const holds = verdictOf(value);
    if (holds === true) continue;
    if (holds === undefined) {
      diagnostics.push({ severity: "error", span, message: "a condition must be true or false" });
      continue;
    }
    const at = assignment.span ?? declared;
    // The line of a file of variables has the value; that of the declaration has none.
    const secret = assignment.outside && assignment.span !== undefined ? { secret: true } : {};
    const hint = `the condition of it stands on line ${span.start.line}`;
    diagnostics.push({
      severity: "error",
      span: at,
      message: `variable ${quoteName(name)}: ${message}`,
      hint,
      ...secret,
    });
  }
}

/** Whether a condition holds; undefined for a value that is neither true nor false. */
function verdictOf(value: Datum): boolean | undefined {
  try {
    return toBoolean(value);
  } catch (error) {
    if (error instanceof Mismatch) return undefined;
    throw error;
  }
}
