import { editDistance, orList } from "../base/text.ts";
import type { Diagnostic } from "../hcl/diagnostic.ts";
import type { QemuConfig } from "./job.ts";
import { readPortMapping } from "./port-mapping.ts";

/** The names of a node that a job may use; `src/node` has the whole of it. */
export interface NodeNames {
  readonly id: string;
  readonly name: string;
  readonly datacenter: string;
  readonly nodeClass: string;
  readonly nodePool: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
}

/** A task's variables, from `buildTaskEnvironment`. */
export type Environment = Readonly<Record<string, string>>;

/** A `config` block that is ready for QEMU: no `${…}` in it and every port a number, or a number with a protocol. */
export type ExpandedConfig = QemuConfig;

/** The value of `node.…`, `attr.…` or `meta.…`, or undefined when this node has none of that name. */
export function lookUpNode(name: string, node: NodeNames): string | undefined {
  return ownValue(describeNode(node), name) ?? lookUpMap(name, node);
}

/** Every name that `lookUpNode` knows, for suggestions. */
export function listNodeNames(node: NodeNames): string[] {
  const attributes = Object.keys(node.attributes).map((name) => `attr.${name}`);
  return [...Object.keys(describeNode(node)), ...attributes, ...Object.keys(node.meta).map((name) => `meta.${name}`)];
}

function describeNode(node: NodeNames): Record<string, string> {
  return {
    "node.unique.id": node.id,
    "node.unique.name": node.name,
    "node.datacenter": node.datacenter,
    "node.region": "global",
    "node.class": node.nodeClass,
    "node.pool": node.nodePool,
  };
}

function lookUpMap(name: string, node: NodeNames): string | undefined {
  if (name.startsWith("attr.")) return ownValue(node.attributes, name.slice("attr.".length));
  if (name.startsWith("meta.")) return ownValue(node.meta, name.slice("meta.".length));
  return undefined;
}

/** A name from outside may be `constructor`. */
function ownValue(record: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * Replaces `${name}` by the value of an environment variable or else of the node, as Nomad does in `env` and in artifacts: values
 * are not looked through again, and what is not known stays as it is.
 */
export function interpolateText(text: string, env: Environment, node: NodeNames): string {
  return text.replace(/\$\{([a-zA-Z0-9_\-.]+)\}/g, (whole, name: string) => {
    return ownValue(env, name) ?? lookUpNode(name, node) ?? whole;
  });
}

/**
 * Replaces `${…}` in a task's `config`, where Nomad has a template language: `${NOMAD_X}`, `${env["X"]}`, `${attr.…}`, `${node.…}` and
 * `${meta.…}`; `$${` is a literal `${`. What is not known is an error, with the nearest known names; functions, operators and
 * directives are refused by name. Diagnostics begin with the attribute and have no span, for the values may come from anywhere.
 * @returns the config; where there was an error the text is as it was, and a port is left out.
 */
export function interpolateConfig(
  config: QemuConfig,
  env: Environment,
  node: NodeNames,
): { readonly config: ExpandedConfig; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const fail = (path: string, { message, hint }: Problem): void => {
    diagnostics.push({ severity: "error", message: `config.${path}: ${message}`, hint });
  };
  const expand = (path: string, text: string): string => {
    const expanded = expandTemplate(text, env, node);
    for (const problem of expanded.problems) fail(path, problem);
    return expanded.problems.length === 0 ? expanded.text : text;
  };
  const ports = Object.entries(config.port_map).flatMap(([label, written]): [string, number | string][] => {
    const path = `port_map.${label}`;
    const before = diagnostics.length;
    const port = typeof written === "number" ? written : parsePort(expand(path, written));
    if (diagnostics.length > before) return [];
    if (port !== undefined) return [[label, port]];
    fail(path, { message: `must be a port number, found ${JSON.stringify(written)}`, hint: undefined });
    return [];
  });
  const expanded: ExpandedConfig = {
    ...config,
    image_path: expand("image_path", config.image_path),
    accelerator: expand("accelerator", config.accelerator),
    machine_type: expand("machine_type", config.machine_type),
    emulator: expand("emulator", config.emulator),
    drive_interface: expand("drive_interface", config.drive_interface),
    args: config.args.map((arg, index) => expand(`args[${index}]`, arg)),
    port_map: Object.fromEntries(ports),
    ...(config.disk_size !== undefined && { disk_size: expand("disk_size", config.disk_size) }),
  };
  return { config: expanded, diagnostics };
}

function parsePort(text: string): number | string | undefined {
  if (/^\d{1,5}$/.test(text)) return Number(text);
  return readPortMapping(text) === undefined ? undefined : text;
}

interface Problem {
  readonly message: string;
  readonly hint: string | undefined;
}

function expandTemplate(text: string, env: Environment, node: NodeNames): { text: string; problems: Problem[] } {
  const problems: Problem[] = [];
  let result = "";
  let at = 0;
  for (const opener of text.matchAll(/\$\$\{|%%\{|\$\{|%\{/g)) {
    if (opener.index < at) continue;
    result += text.slice(at, opener.index);
    at = opener.index + opener[0].length;
    if (opener[0].length === 3) {
      result += opener[0].slice(1);
      continue;
    }
    const end = findClosingBrace(text, at);
    if (end === undefined) {
      problems.push({ message: `${opener[0]} without }`, hint: `write $${opener[0]} for a literal ${opener[0]}` });
      break;
    }
    const source = text.slice(at, end);
    at = end + 1;
    const value = opener[0] === "%{" ? refuseDirective(source) : evaluateName(source.trim(), env, node);
    if (typeof value === "string") result += value;
    else problems.push(value);
  }
  return { text: result + text.slice(at), problems };
}

/** Where the brace is closed that was opened before `from`; braces in quotes count for nothing. */
function findClosingBrace(text: string, from: number): number | undefined {
  let depth = 1;
  let quoted = false;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (quoted && char === "\\") at++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === "{") depth++;
    else if (!quoted && char === "}" && --depth === 0) return at;
  }
  return undefined;
}

function refuseDirective(source: string): Problem {
  const word = /[a-z]+/.exec(source)?.[0] ?? "";
  return {
    message: `template directive %{${word}} is not supported in task config yet`,
    hint: "write %%{ for a literal %{",
  };
}

/** A name and what follows it: `.part`, `["part"]` or `[0]`. */
const NAME = /^[A-Za-z_][\w-]*(?:\.[A-Za-z0-9_][\w-]*|\["[^"\\]*"\]|\[\d+\])*$/;

function evaluateName(source: string, env: Environment, node: NodeNames): string | Problem {
  if (!NAME.test(source)) return refuseExpression(source);
  const parts = [...source.matchAll(/\["([^"]*)"\]|[^.[\]]+/g)].map(([whole, quoted]) => quoted ?? whole);
  const name = parts.join(".");
  const [root, ...rest] = parts;
  const value = root === "env" ? ownValue(env, rest.join(".")) : (ownValue(env, name) ?? lookUpNode(name, node));
  if (value !== undefined) return value;
  const known =
    root === "env"
      ? Object.keys(env).map((key) => `env[${JSON.stringify(key)}]`)
      : [...Object.keys(env), ...listNodeNames(node)];
  return { message: `nothing is called \${${source}}`, hint: suggest(source, known) };
}

function refuseExpression(source: string): Problem {
  const called = /^([A-Za-z_][\w-]*)\s*\(/.exec(source)?.[1];
  if (called !== undefined) {
    return { message: `function ${called} is not supported in task config yet`, hint: "write the value itself" };
  }
  if (source === "") return { message: "nothing stands in ${}", hint: "write $${ for a literal ${" };
  const what = /[-+*/%<>=!&|?]/.test(source) ? "operators are not supported" : "only a name can stand";
  return {
    message: `${what} in \${…} of task config yet: \${${source}}`,
    hint: 'use ${NOMAD_…}, ${env["…"]}, ${attr.…}, ${node.…} or ${meta.…}',
  };
}

/** Names that are told as what may have been meant. */
const SUGGESTIONS = 3;

function suggest(wrong: string, known: readonly string[]): string {
  const reach = Math.max(1, Math.floor(wrong.length / 3));
  const near = known
    .map((name) => ({ name, distance: editDistance(wrong.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= reach)
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS)
    .map(({ name }) => `\${${name}}`);
  if (near.length > 0) return `did you mean ${orList(near)}?`;
  return "known are ${NOMAD_…} and the task's own variables, ${attr.…}, ${node.…} and ${meta.…}; write $${ for a literal ${";
}
