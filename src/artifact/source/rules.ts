import { AppError, errnoOf } from "../../base/errors.ts";
import { readBeginning } from "../../base/files.ts";
import type { AgentDirs } from "../../paths.ts";
import type { TlsIdentity } from "../../runtime/fetch.ts";
import { NO_PROXIES, type Proxies, readProxies } from "./proxy.ts";

/** What the agent's configuration says about sources, and what it lets them have of its environment. */
export interface SourceSettings {
  /** Absolute directories whose files a source may name. */
  readonly filePaths: readonly string[];
  /** The agent's own directories, whose files no source may name. */
  readonly agentDirs: readonly string[];
  /** Files of the agent's, by their absolute paths; null is none. */
  readonly netrcFile: string | null;
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** Variables that are for sources; may hold credentials. */
  readonly environment: Readonly<Record<string, string>>;
  readonly proxies: Proxies;
  /** Most connections that one file may come over at the same time, from 1. */
  readonly connections: number;
}

/** The same with what the files hold, for a download. Plain data: it travels to a Worker. */
export interface SourceRules
  extends Pick<SourceSettings, "filePaths" | "agentDirs" | "environment" | "proxies" | "connections"> {
  /** Text of a netrc file. */
  readonly netrc: string;
  readonly tls: TlsIdentity;
  /**
   * Uid and gid that git of root runs as. Null leaves it root: a person asks for a bundle as for a clone, and nobody else gets into that
   * person's directories.
   */
  readonly gitUid: number | null;
}

/** `nobody`, where there is no user of its own for git. */
export const NOBODY = 65_534;

/** Most servers bear so many of one client; some answer 429 or 503 to more. */
export const DEFAULT_CONNECTIONS = 4;

const NO_TLS: TlsIdentity = { ca: null, cert: null, key: null };

/** What an agent without a configuration and without an environment has. */
export const PLAIN_RULES: SourceRules = {
  filePaths: [],
  agentDirs: [],
  netrc: "",
  tls: NO_TLS,
  gitUid: NOBODY,
  environment: {},
  proxies: NO_PROXIES,
  connections: DEFAULT_CONNECTIONS,
};

/** `client { artifact { … } }` as the configuration has it; `environment` names variables. */
export type SourceConfig = Omit<SourceSettings, "agentDirs" | "environment" | "proxies"> & {
  readonly environment: readonly string[];
};

/** Looks up in the agent's environment what the configuration names there, and the proxies, which need no leave. */
export function settleSources(
  config: SourceConfig,
  env: Readonly<Record<string, string | undefined>>,
  { dataDir, runDir }: AgentDirs,
): SourceSettings {
  const environment: Record<string, string> = {};
  for (const name of config.environment) {
    const value = env[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...config, agentDirs: [dataDir, runDir], environment, proxies: readProxies(env) };
}

/** What can be said of sources without a look at the files that the configuration names. */
export function rulesWithoutFiles({ filePaths, agentDirs, environment }: SourceSettings): SourceRules {
  return { ...PLAIN_RULES, filePaths, agentDirs, environment };
}

/** Longest file of these that is read, in bytes. */
const LONGEST = 1 << 20;

/** Reads what the configuration names, anew for each download: such files change. @throws AppError `invalid`. */
export function readRules(settings: SourceSettings): SourceRules {
  const { filePaths, agentDirs, environment, proxies, connections } = settings;
  const tls = {
    ca: readSetting("ca_file", settings.caFile),
    cert: readSetting("cert_file", settings.certFile),
    key: readSetting("key_file", settings.keyFile),
  };
  const netrc = readSetting("netrc_file", settings.netrcFile) ?? "";
  return { filePaths, agentDirs, environment, proxies, connections, netrc, tls, gitUid: NOBODY };
}

function readSetting(key: string, path: string | null): string | null {
  if (path === null) return null;
  const name = `client.artifact.${key} ${JSON.stringify(path)}`;
  let bytes: Buffer;
  try {
    bytes = readBeginning(path, LONGEST);
  } catch (error) {
    const hint = "the agent reads it for each download; see its configuration";
    throw new AppError("invalid", `${name} cannot be read: ${errnoOf(error) ?? "unknown error"}`, {
      hint,
      cause: error,
    });
  }
  if (bytes.length > LONGEST) throw new AppError("invalid", `${name}: expected at most ${LONGEST} bytes`);
  return bytes.toString("utf8");
}
