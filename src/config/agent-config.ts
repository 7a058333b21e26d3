import { Buffer } from "node:buffer";
import { AppError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { type Duration, HOUR, MILLISECOND } from "../base/units.ts";
import { type AgentDirs, MAX_SOCKET_PATH, machineSockets } from "../paths.ts";
import { completeHttp, type HttpConfig, type HttpFlags } from "./http.ts";
import { completeResources, type ResourceConfig } from "./resources.ts";
import type { ConfigFile } from "./schema.ts";

/** How an agent runs: what its configuration says and defaults for the rest. */
export interface AgentConfig {
  readonly dirs: AgentDirs;
  readonly logLevel: LogLevel;
  readonly datacenter: string;
  /** The node's name. */
  readonly name: string;
  readonly nodeClass: string;
  /** The node's `meta`. */
  readonly meta: Readonly<Record<string, string>>;
  /** What this host has for machines. */
  readonly resources: ResourceConfig;
  /** What the operator allows jobs to use. */
  readonly policy: {
    /** Absolute directories whose images a job may name. */
    readonly imagePaths: readonly string[];
    /** Empty lists allow everything, as in Nomad. */
    readonly argsAllowlist: readonly string[];
    readonly emulatorsAllowlist: readonly string[];
    /** No guest gets more time to shut down than this, whatever its `kill_timeout`. */
    readonly maxKillTimeout: Duration;
  };
  /** How large and how old what was fetched may become; 0 sets no limit. */
  readonly cache: { readonly maxBytes: number; readonly maxAgeMillis: number };
  /** What sources of artifacts may have of this host. */
  readonly artifact: {
    /** Absolute directories whose files a source may name. */
    readonly filePaths: readonly string[];
    /** Absolute paths; null is none. */
    readonly netrcFile: string | null;
    readonly caFile: string | null;
    readonly certFile: string | null;
    readonly keyFile: string | null;
    /** Names of variables. */
    readonly environment: readonly string[];
    /** Most that one file may come over at the same time. */
    readonly connections: number;
    /** Most artifacts that are fetched, unpacked or proved at the same time. */
    readonly parallel: number;
  };
  /** Whether there is a network, and whose bundles are loaded. */
  readonly site: {
    readonly offline: boolean;
    /** Absolute path; null leaves it to whoever loads one. */
    readonly trustedKeys: string | null;
  };
  /** Who may use the API's unix socket. */
  readonly socket: SocketConfig;
  /** Where the API is served besides its unix socket. */
  readonly http: HttpConfig;
  readonly garbage: GarbageLimits;
  readonly users: {
    /** True: the agent must give every machine a user of its own; false: it never does; undefined: where it can. */
    readonly wanted: boolean | undefined;
    /** Both included. */
    readonly min: number;
    readonly max: number;
  };
}

export interface SocketConfig {
  /** Name of the group that it belongs to; null for the usual one. */
  readonly group: string | null;
  /** Of its file. */
  readonly mode: number;
}

/** When what has ended is removed; the names are the configuration's, times are in milliseconds. */
export interface GarbageLimits {
  readonly intervalMillis: number;
  /** Allocations of this agent, ended or not. */
  readonly maxAllocs: number;
  /** Percent of the file system of `data_dir`, and of the files that it can have. */
  readonly diskUsage: number;
  readonly inodeUsage: number;
  /** A disk that a guest wrote to stays for so long after its machine's end. */
  readonly diskRetentionMillis: number;
  readonly jobThresholdMillis: number;
  readonly evalThresholdMillis: number;
}

const MEBIBYTE = 1 << 20;

/** A shorter interval than this would have the agent do nothing else. */
const SHORTEST_INTERVAL = 1_000;

/**
 * Fills in what the configuration leaves out.
 * @param file what was read; without a configuration file, `emptyConfig()` of `load.ts`.
 * @param defaults `defaultDirs` of `src/paths.ts` for this user.
 * @param http what the command line says of it, which wins over the file.
 * @throws AppError `invalid` when sockets in `run_dir` would have paths that QEMU does not take, and when the API would be served unprotected.
 */
export function completeConfig(
  file: ConfigFile,
  defaults: AgentDirs,
  hostname: string,
  http: HttpFlags = {},
): AgentConfig {
  const qemu = file.plugins.find(({ name }) => name === "qemu")?.config;
  const dirs = { dataDir: file.data_dir ?? defaults.dataDir, runDir: file.run_dir ?? defaults.runDir };
  assertSocketsFit(dirs);
  return {
    dirs,
    logLevel: file.log_level,
    datacenter: file.datacenter,
    name: file.name ?? hostname,
    nodeClass: file.client.node_class ?? "",
    meta: file.client.meta,
    resources: completeResources(file),
    policy: {
      imagePaths: qemu?.image_paths ?? [],
      argsAllowlist: qemu?.args_allowlist ?? [],
      emulatorsAllowlist: qemu?.emulators_allowlist ?? [],
      maxKillTimeout: file.client.max_kill_timeout,
    },
    cache: {
      maxBytes: file.client.artifact_cache.max_size_mb * MEBIBYTE,
      maxAgeMillis: maxAgeOf(file) / MILLISECOND,
    },
    artifact: completeArtifact(file.client.artifact),
    socket: { group: file.api_group ?? null, mode: Number.parseInt(file.api_mode, 8) },
    http: completeHttp(file, http),
    site: { offline: file.client.offline, trustedKeys: file.client.trusted_keys ?? null },
    garbage: {
      intervalMillis: Math.max(SHORTEST_INTERVAL, file.client.gc_interval / MILLISECOND),
      maxAllocs: file.client.gc_max_allocs,
      diskUsage: file.client.gc_disk_usage_threshold,
      inodeUsage: file.client.gc_inode_usage_threshold,
      diskRetentionMillis: file.client.gc_disk_retention / MILLISECOND,
      jobThresholdMillis: file.server.job_gc_threshold / MILLISECOND,
      evalThresholdMillis: file.server.eval_gc_threshold / MILLISECOND,
    },
    users: {
      wanted: qemu?.dynamic_workload_users,
      min: file.client.users.dynamic_user_min,
      max: file.client.users.dynamic_user_max,
    },
  };
}

function completeArtifact(artifact: ConfigFile["client"]["artifact"]): AgentConfig["artifact"] {
  return {
    filePaths: artifact.file_paths,
    netrcFile: artifact.netrc_file ?? null,
    caFile: artifact.ca_file ?? null,
    certFile: artifact.cert_file ?? null,
    keyFile: artifact.key_file ?? null,
    environment: artifact.set_environment_variables.split(/[\s,]+/).filter((name) => name !== ""),
    connections: artifact.connections,
    parallel: artifact.parallel,
  };
}

const MAX_AGE: Duration = 720 * HOUR;

/** What a host without a network loses by its age, nobody can fetch again. */
function maxAgeOf({ client }: ConfigFile): Duration {
  return client.artifact_cache.max_age ?? (client.offline ? 0 : MAX_AGE);
}

/** @throws AppError `invalid` when sockets in `run_dir` would have paths that QEMU does not take. */
export function assertSocketsFit(dirs: AgentDirs): void {
  const sockets = Object.values(machineSockets(dirs, "00000000", ""));
  const longest = Math.max(...sockets.map((path: string) => Buffer.byteLength(path)));
  if (longest <= MAX_SOCKET_PATH) return;
  const room = MAX_SOCKET_PATH - (longest - Buffer.byteLength(dirs.runDir));
  throw new AppError(
    "invalid",
    `run_dir ${JSON.stringify(dirs.runDir)}: expected at most ${room} bytes for QEMU's sockets`,
    {
      hint: 'set run_dir to a shorter path, such as "/run/paddock"',
    },
  );
}
