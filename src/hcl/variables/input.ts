import { nearestName } from "../../base/text.ts";
import type { Expression } from "../ast.ts";
import { convert, Mismatch } from "../cty/convert.ts";
import { type Datum, text as textDatum } from "../cty/datum.ts";
import { datumOfJson } from "../cty/json-datum.ts";
import { NumberRange } from "../cty/number.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { isJsonText } from "../format.ts";
import { parseJson } from "../json.ts";
import { quoteName } from "../limits.ts";
import { parseHcl } from "../parser.ts";
import type { Source } from "../source.ts";
import type { Span } from "../span.ts";
import { spellBlock } from "../spelling.ts";
import { type Assignment, computeWrittenOut, type Variable } from "./variable.ts";

/** A value that somebody gave for a variable in one text: by the environment or on the command line. */
export interface GivenValue {
  readonly name: string;
  readonly text: string;
  /** What it was given by, for messages: `-var`, `NOMAD_VAR_count`. */
  readonly by: string;
}

/** A file that sets variables. */
export interface GivenFile {
  /** As messages call it. */
  readonly name: string;
  readonly text: string | Uint8Array;
}

/** What is given for the variables of a job file; later ones win, and of a list the last. */
export interface VariableInputs {
  /** Names that the file does not declare are passed over: the environment is for all files. */
  readonly environment?: readonly GivenValue[];
  readonly files?: readonly GivenFile[];
  readonly flags?: readonly GivenValue[];
  /** Whether a name that the file does not declare is an error, as it is unless told otherwise; else it is a warning. */
  readonly strict?: boolean;
}

interface JobFileFacts {
  /** It is in HCL's JSON syntax, which hints spell then. */
  readonly json: boolean;
  /** Some of it could not be read, which was told: there may be variables that are not known. */
  readonly incomplete: boolean;
}

/** The values that are given from outside, and what is wrong with them. */
export class Inputs {
  readonly values = new Map<string, Assignment>();
  readonly diagnostics: Diagnostic[] = [];
  readonly sources = new Map<string, Source>();
  /** Variables of which a value was given that is wrong, which was told. */
  readonly broken = new Set<string>();
  /** Some of a file of variables could not be read, which was told: what has no value may have one there. */
  incomplete = false;
  readonly #variables: ReadonlyMap<string, Variable>;
  readonly #strict: boolean;
  readonly #job: JobFileFacts;

  /** @param job what is known of the job file besides its variables. */
  constructor(variables: ReadonlyMap<string, Variable>, inputs: VariableInputs, job: JobFileFacts) {
    this.#variables = variables;
    this.#job = job;
    this.#strict = inputs.strict ?? true;
    for (const given of inputs.environment ?? []) if (variables.has(given.name)) this.#takeText(given);
    for (const file of inputs.files ?? []) this.#takeFile(file);
    for (const given of inputs.flags ?? []) this.#takeText(given);
  }

  #takeText({ name, text, by }: GivenValue): void {
    const variable = this.#variables.get(name);
    if (variable === undefined) {
      this.#tellUndeclared(name, by, undefined);
      return;
    }
    const { kind } = variable.type ?? { kind: "string" as const };
    const literal = kind === "string" || kind === "number" || variable.type === undefined;
    const value = literal ? textDatum(text) : this.#computeText(variable, text, by);
    if (value !== undefined) this.#assign(variable, value, undefined, by);
    else this.broken.add(name);
  }

  /** What is wrong within the value is told by its column alone: it may be secret. */
  #computeText(variable: Variable, text: string, by: string): Datum | undefined {
    const { body, diagnostics } = parseHcl("value", `value = ${text}\n`);
    const [attribute] = body.attributes;
    const wrong = diagnostics[0] ?? undefined;
    const other = body.attributes.length > 1 || body.blocks.length > 0;
    if (wrong === undefined && attribute !== undefined && !other) {
      const { value, diagnostics: told } = computeWrittenOut(attribute.value);
      if (value !== undefined) return value;
      const message = told[0]?.message ?? "it has no value";
      return this.#tellValue(
        variable,
        by,
        /"/.test(message) ? "references and functions have no meaning in it" : message,
      );
    }
    const { line, column } = wrong?.span?.start ?? { line: 1, column: 1 };
    const at = line === 1 && column > PREFIX ? `, at character ${column - PREFIX}` : "";
    return this.#tellValue(variable, by, `it is no expression of HCL${at}`, 'text stands in double quotes: ["a", "b"]');
  }

  #tellValue({ name, span }: Variable, by: string, why: string, hint?: string): undefined {
    const message = `the value of variable ${quoteName(name)} that ${by} gives: ${why}`;
    this.diagnostics.push({ severity: "error", span, message, hint });
  }

  #takeFile({ name: file, text }: GivenFile): void {
    if (isJsonText(text)) this.#takeJson(file, text);
    else this.#takeHcl(file, text);
  }

  #takeHcl(file: string, text: string | Uint8Array): void {
    const { body, diagnostics, source } = parseHcl(file, text);
    this.sources.set(file, source);
    this.#tellFile(diagnostics);
    this.incomplete ||= body.incomplete === true;
    for (const { type, typeSpan } of body.blocks) {
      const message = type === "variable" ? "a file of variables declares none" : "a file of variables holds no blocks";
      const hint = type === "variable" ? "declare it in the job file; here stands: name = value" : `write ${type} = …`;
      this.#tellFile([{ severity: "error", span: typeSpan, message, hint }]);
    }
    for (const { name, nameSpan, value } of body.attributes) {
      this.#takeEntry(name, nameSpan, value.span, () => this.#computeEntry(value), file);
    }
  }

  #takeJson(file: string, text: string | Uint8Array): void {
    const { value, diagnostics, source } = parseJson(file, text);
    this.sources.set(file, source);
    this.#tellFile(diagnostics);
    this.incomplete ||= value === undefined;
    if (value?.kind !== "object") return;
    for (const { key, keySpan, value: part } of value.entries) {
      this.#takeEntry(key, keySpan, part.span, () => datumOfJson(part), file);
    }
  }

  #computeEntry(expression: Expression): Datum | undefined {
    const { value, diagnostics } = computeWrittenOut(expression);
    this.#tellFile(diagnostics);
    return value;
  }

  /** The lines of such a file may hold secrets. */
  #tellFile(diagnostics: readonly Diagnostic[]): void {
    this.diagnostics.push(...diagnostics.map((diagnostic): Diagnostic => ({ ...diagnostic, secret: true })));
  }

  #takeEntry(name: string, nameSpan: Span, valueSpan: Span, compute: () => Datum | undefined, file: string): void {
    const variable = this.#variables.get(name);
    if (variable === undefined) {
      this.#tellUndeclared(name, file, nameSpan);
      return;
    }
    const value = compute();
    if (value !== undefined) this.#assign(variable, value, valueSpan, file);
    else this.broken.add(name);
  }

  #assign(variable: Variable, value: Datum, span: Span | undefined, by: string): void {
    const { name, type } = variable;
    try {
      this.values.set(name, { value: type === undefined ? value : convert(value, type), outside: true, span });
      this.broken.delete(name);
    } catch (error) {
      const range = error instanceof NumberRange;
      if (!range && !(error instanceof Mismatch)) throw error;
      this.broken.add(name);
      const why = range ? "the number is too large or too small" : error.message;
      if (span === undefined) this.#tellValue(variable, by, why);
      else this.#tellFile([{ severity: "error", span, message: `variable ${quoteName(name)}: ${why}` }]);
    }
  }

  #tellUndeclared(name: string, by: string, span: Span | undefined): void {
    if (this.#job.incomplete) return;
    const near = nearestName(name, this.#variables.keys());
    const hint =
      near === undefined
        ? `declare it: ${spellBlock("variable", [name], this.#job.json)}`
        : `did you mean ${quoteName(near)}?`;
    const message = `variable ${quoteName(name)} is set by ${by}, and the job file declares none of this name`;
    this.diagnostics.push({ severity: this.#strict ? "error" : "warning", span, message, hint, secret: true });
  }
}

const PREFIX = "value = ".length;
