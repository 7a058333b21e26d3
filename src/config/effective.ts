import { hostname } from "node:os";
import { resolve } from "node:path";
import { AppError, errnoOf, unreadable } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import type { LogLevel } from "../base/log.ts";
import { MAX_SOURCE_BYTES } from "../hcl/limits.ts";
import { renderDiagnostics } from "../hcl/render.ts";
import { DEFAULT_CONFIG_FILE, defaultDirs } from "../paths.ts";
import { type AgentConfig, assertSocketsFit, completeConfig } from "./agent-config.ts";
import type { HttpFlags } from "./http.ts";
import { emptyConfig, loadAgentConfig } from "./load.ts";
import type { ConfigFile } from "./schema.ts";

/** What the agent's command line says of its configuration; it wins over the file. */
export interface ConfigurationFlags {
  /** The file to read instead of the default one. */
  readonly config: string | undefined;
  readonly dataDir: string | undefined;
  readonly runDir: string | undefined;
  readonly logLevel: LogLevel | undefined;
  readonly http?: HttpFlags;
}

/** For whom the agent runs: files and directories of the system are root's, others have their own. */
export interface AgentUser {
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * What an agent runs by: its flags, then its file, then the defaults of its user.
 * @param warn takes the file's warnings.
 * @throws AppError `invalid` with every error of the file, `not_found` when the file is not there.
 */
export function readConfiguration(
  args: ConfigurationFlags,
  { uid, env }: AgentUser,
  warn: (text: string) => void,
): AgentConfig {
  const config = completeConfig(readFile(args, uid, warn), defaultDirs(uid, env), hostname(), args.http);
  const dirs = {
    dataDir: args.dataDir === undefined ? config.dirs.dataDir : resolve(args.dataDir),
    runDir: args.runDir === undefined ? config.dirs.runDir : resolve(args.runDir),
  };
  assertSocketsFit(dirs);
  return {
    ...config,
    dirs,
    logLevel: args.logLevel ?? config.logLevel,
  };
}

function readFile({ config: path, http }: ConfigurationFlags, uid: number, warn: (text: string) => void): ConfigFile {
  const text = path === undefined ? readDefault(uid) : readGiven(path);
  if (text === undefined) return emptyConfig();
  const name = path ?? DEFAULT_CONFIG_FILE;
  const { config, diagnostics, sources } = loadAgentConfig(name, text, http);
  const rendered = renderDiagnostics(diagnostics, sources);
  if (config === undefined)
    throw new AppError("invalid", `the configuration ${name} is not valid\n${rendered.trimEnd()}`);
  if (rendered !== "") warn(rendered);
  return config;
}

/** Only root's agent reads the system's file unasked: its directories are not an ordinary user's. */
function readDefault(uid: number): Buffer | undefined {
  if (uid !== 0) return undefined;
  try {
    return readBeginning(DEFAULT_CONFIG_FILE, MAX_SOURCE_BYTES);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw unreadable(`the configuration ${DEFAULT_CONFIG_FILE}`, error);
  }
}

function readGiven(path: string): Buffer {
  try {
    return readBeginning(path, MAX_SOURCE_BYTES);
  } catch (error) {
    throw unreadable(`the configuration ${path}`, error);
  }
}
