import { type Decoded, decodeBody, decodeObject } from "../hcl/decode.ts";
import { type Diagnostic, sortDiagnostics } from "../hcl/diagnostic.ts";
import { isJsonText } from "../hcl/format.ts";
import { parseJson } from "../hcl/json.ts";
import { parseHcl } from "../hcl/parser.ts";
import { createReporter, type Reporter } from "../hcl/places.ts";
import type { Source } from "../hcl/source.ts";
import { type HttpFlags, httpProblems } from "./http.ts";
import { checkResources } from "./resources.ts";
import { type ConfigFile, configBlock } from "./schema.ts";

export interface LoadedConfig {
  /** Undefined when there is an error among the diagnostics. */
  readonly config: ConfigFile | undefined;
  /** Errors and warnings, sorted by position. */
  readonly diagnostics: readonly Diagnostic[];
  /** The text, for `renderDiagnostics`. */
  readonly sources: ReadonlyMap<string, Source>;
}

/**
 * Reads and checks the agent's configuration, HCL or JSON (a text that begins with `{`). Unknown names are errors. Never throws.
 * @param file the name that messages call the text by. @param flags what the command line says besides, which wins over the text.
 */
export function loadAgentConfig(file: string, text: string | Uint8Array, flags: HttpFlags = {}): LoadedConfig {
  const { decoded, told, source } = isJsonText(text) ? readJson(file, text) : readHcl(file, text);
  const sources = new Map([[file, source]]);
  if (decoded === undefined) return { config: undefined, diagnostics: told, sources };
  const all = [...told, ...decoded.diagnostics];
  checkConfig(decoded.value, createReporter(decoded.places, all), flags);
  const diagnostics = sortDiagnostics(all);
  const failed = diagnostics.some(({ severity }) => severity === "error");
  return { config: failed ? undefined : decoded.value, diagnostics, sources };
}

/** What an agent without a configuration file has: what an empty one says. */
export function emptyConfig(): ConfigFile {
  return decodeBody(configBlock, parseHcl("", "").body).value;
}

interface Read {
  readonly decoded: Decoded<ConfigFile> | undefined;
  readonly told: readonly Diagnostic[];
  readonly source: Source;
}

function readHcl(file: string, text: string | Uint8Array): Read {
  const { body, diagnostics, source } = parseHcl(file, text);
  return { decoded: decodeBody(configBlock, body), told: diagnostics, source };
}

function readJson(file: string, text: string | Uint8Array): Read {
  const { value, diagnostics, source } = parseJson(file, text);
  const decoded = value?.kind === "object" ? decodeObject(configBlock, value) : undefined;
  return { decoded, told: diagnostics, source };
}

function checkConfig(config: ConfigFile, report: Reporter, flags: HttpFlags): void {
  if (!config.client.enabled) {
    report.must("client.enabled", "be true: an agent that runs no machines does nothing", "leave it out");
  }
  const { dynamic_user_min: min, dynamic_user_max: max } = config.client.users;
  if (min > max) {
    report.must("client.users.dynamic_user_max", `be at least dynamic_user_min, ${min}, found ${max}`);
  }
  const { cert_file, key_file } = config.client.artifact;
  if ((cert_file === undefined) !== (key_file === undefined)) {
    const [missing, there] = cert_file === undefined ? ["cert_file", "key_file"] : ["key_file", "cert_file"];
    report.must(`client.artifact.${missing}`, `be set where ${there} is`);
  }
  checkResources(config.client, report.at("client"));
  // What is wrong with a flag is told where the two are put together.
  for (const { key, message, hint } of httpProblems(config, flags)) {
    if (!key.startsWith("-")) report.must(key, message, hint);
  }
  config.plugins.forEach(({ name }, index) => {
    const path = `plugins[${index}]`;
    if (name !== "qemu")
      report.error(path, `no plugin ${JSON.stringify(name)}, expected "qemu"`, "leave the block out");
    else if (config.plugins.findIndex((other) => other.name === name) < index) {
      report.error(path, 'plugin "qemu" stands twice', "keep one of them");
    }
  });
}
