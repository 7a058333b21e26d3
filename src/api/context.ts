import type { Context } from "hono";
import type { Agent } from "../agent/agent.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { LogMonitor } from "../base/log-monitor.ts";
import type { NodeFacts } from "../contract/node.ts";
import type { StubTexts } from "./list/stub-texts.ts";
import type { StreamLoad } from "./load.ts";

/** What every group of routes works with. */
export interface ApiContext {
  readonly agent: Agent;
  readonly log: Log;
  /** Of that log and all others of the agent. */
  readonly monitor: LogMonitor;
  readonly clock: Clock;
  readonly facts: NodeFacts;
  /** What lists of allocations are made of. */
  readonly stubs: { readonly plain: StubTexts; readonly withResources: StubTexts };
  /** Counted by whoever streams. */
  readonly load: StreamLoad;
  /** Aborts when the agent stops: what waits or follows ends then. */
  readonly stopping: AbortSignal;
  /** What the agent says about itself to whoever sends a request: its address hangs on the way that they came. */
  readonly factsFor: (c: Context) => NodeFacts;
}
