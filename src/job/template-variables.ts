import { createRenderer, type Rendered, type RenderTemplate } from "../template/template.ts";
import type { Task, Template } from "./job.ts";

/** Renders a template of a task whose text is known. */
export function renderTemplate(render: RenderTemplate, template: Template, text = template.data): Rendered {
  const { left_delimiter: left, right_delimiter: right, error_on_missing_key: errorOnMissingKey } = template;
  return render({ text, left, right, errorOnMissingKey });
}

/**
 * A task's environment with the variables that its templates with `env = true` make. What cannot be rendered or read adds none: that
 * ends the start of the machine with its reason, and is nobody else's trouble.
 */
export function addTemplateVariables(
  { templates = [] }: Pick<Task, "templates">,
  env: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const sources = templates.filter((template) => template.env && template.source === "");
  if (sources.length === 0) return env;
  const render = createRenderer(env);
  const added = sources.flatMap((template) => {
    const rendered = renderTemplate(render, template);
    return rendered.ok ? [...readVariables(rendered.text).variables] : [];
  });
  return { ...env, ...Object.fromEntries(added) };
}

/** What the lines of a file of variables say. */
export interface ReadVariables {
  readonly variables: ReadonlyMap<string, string>;
  /** The first line that is none. */
  readonly wrong: { readonly line: number; readonly message: string } | undefined;
}

/** Reads `NAME=value` a line: comments, `export `, and quotes as in HashiCorp's go-envparse; in double quotes JSON's escapes count. */
export function readVariables(text: string): ReadVariables {
  const variables = new Map<string, string>();
  for (const [index, line] of text.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const read = readLine(trimmed);
    if (typeof read === "string") return { variables, wrong: { line: index + 1, message: read } };
    variables.set(read.name, read.value);
  }
  return { variables, wrong: undefined };
}

/** @returns what is wrong with it, in words. */
function readLine(line: string): { readonly name: string; readonly value: string } | string {
  const at = line.indexOf("=");
  if (at === -1) return "a variable needs a = behind its name";
  const name = line
    .slice(0, at)
    .trim()
    .replace(/^export +(?=.)/, "");
  if (!/^[A-Za-z_][A-Za-z0-9_./]*$/.test(name)) return "the name of a variable holds what none may";
  const value = readValue(line.slice(at + 1).trim());
  return value === undefined ? "the value of a variable has an open quote or a wrong escape" : { name, value };
}

const PART = /"((?:[^"\\]|\\.)*)"|'([^']*)'|([^"'#]+)|(#.*)/y;

function readValue(spelled: string): string | undefined {
  const parts: { readonly text: string; readonly quoted: boolean }[] = [];
  for (PART.lastIndex = 0; PART.lastIndex < spelled.length; ) {
    const match = PART.exec(spelled);
    if (match === null) return undefined;
    const [, double, single, bare, comment] = match;
    if (comment !== undefined) break;
    const text = double === undefined ? (single ?? bare ?? "") : readEscapes(double);
    if (text === undefined) return undefined;
    parts.push({ text, quoted: bare === undefined });
  }
  const last = parts.at(-1);
  const end = last === undefined || last.quoted ? "" : last.text;
  const joined = parts.map(({ text }) => text).join("");
  return joined.slice(0, joined.length - (end.length - end.trimEnd().length));
}

function readEscapes(text: string): string | undefined {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return undefined;
  }
}
