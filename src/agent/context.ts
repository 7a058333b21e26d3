import type { SourceSettings } from "../artifact/source/rules.ts";
import type { Turns } from "../artifact/turns.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Duration } from "../base/units.ts";
import type { GarbageLimits } from "../config/agent-config.ts";
import type { Node } from "../node/node.ts";
import type { AgentDirs } from "../paths.ts";
import type { Recorder } from "../state/recorder.ts";
import type { Store } from "../state/store.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";
import type { CacheKeeper } from "./cache-keeper.ts";
import type { MachineUsers } from "./start/machine-users.ts";

/** What the operator allows jobs to use. */
export interface QemuPolicy {
  /** Absolute directories whose images a job may name. */
  readonly imagePaths: readonly string[];
  /** Empty lists allow everything, as in Nomad. */
  readonly argsAllowlist: readonly string[];
  readonly emulatorsAllowlist: readonly string[];
  /** No guest gets more time to shut down than this, whatever its `kill_timeout`. */
  readonly maxKillTimeout: Duration;
}

/** How this host is reached by what jobs fetch. */
export interface SiteSettings {
  /** Nothing is ever asked for over a network. */
  readonly offline: boolean;
  /** Absolute path of the file with the keys whose bundles are loaded; null leaves it to whoever loads one. */
  readonly trustedKeys: string | null;
}

/** What every use case works on. */
export interface AgentContext {
  readonly dirs: AgentDirs;
  readonly policy: QemuPolicy;
  readonly sources: SourceSettings;
  readonly site: SiteSettings;
  readonly store: Store;
  readonly recorder: Recorder;
  /** Null where machines run as the agent's own user. */
  readonly users: MachineUsers | null;
  readonly supervisor: Supervisor;
  /** The node as it is known now; facts that take long to find are added later, and a host may change. */
  readonly node: () => Node;
  /** Resolves once every fact of the node is known. */
  readonly nodeComplete: Promise<void>;
  /** Looks now whether this host has changed, which is otherwise done from time to time. */
  readonly lookAtNode: () => Promise<void>;
  /** What was fetched, for all jobs. */
  readonly cacheKeeper: Pick<CacheKeeper, "grown" | "maxBytes">;
  /** Lets so many artifacts at a time be fetched, unpacked or proved, of all jobs. */
  readonly artifactTurns: Turns;
  /** When what has ended is removed. */
  readonly garbage: GarbageLimits;
  readonly clock: Clock;
  readonly log: Log;
}
