import type { Diagnostic } from "../hcl/diagnostic.ts";
import type { QemuConfig } from "./job.ts";
import { readPortMapping } from "./port-mapping.ts";
import { createExpand, type RunTimeNames, type TemplateProblem } from "./run-time-template.ts";

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
 * Replaces `${…}` in a task's `config` by Nomad's template language: `${NOMAD_X}`, `${env["X"]}`, `${attr.…}`, `${node.…}` and `${meta.…}`,
 * with HCL's operators, conditions, directives and a few functions; `$${` is a literal `${`. What is not known is an error, with the
 * nearest known names. Diagnostics begin with the attribute and have no span, for the values may come from anywhere.
 * @returns the config; where there was an error the text is as it was, and a port is left out.
 */
export function interpolateConfig(
  config: QemuConfig,
  env: Environment,
  node: NodeNames,
): { readonly config: ExpandedConfig; readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const fail = (path: string, { message, hint }: TemplateProblem): void => {
    diagnostics.push({ severity: "error", message: `config.${path}: ${message}`, hint });
  };
  const expandText = createExpand(namesOf(env, node));
  const expand = (path: string, text: string): string => {
    const expanded = expandText(text);
    for (const problem of expanded.problems) fail(path, problem);
    return expanded.text;
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

function namesOf(env: Environment, node: NodeNames): RunTimeNames {
  return {
    value: (name) => ownValue(env, name) ?? lookUpNode(name, node) ?? lookUpBelowNode(name, node),
    variable: (name) => ownValue(env, name),
    names: [...Object.keys(env), ...listNodeNames(node)],
    variables: Object.keys(env),
  };
}

/** `node.attr.x` and `node.meta.x`, which only a task's `config` may say. */
function lookUpBelowNode(name: string, node: NodeNames): string | undefined {
  return name.startsWith("node.") ? lookUpMap(name.slice("node.".length), node) : undefined;
}
