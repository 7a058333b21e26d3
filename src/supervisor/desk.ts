import type { Allocation } from "../allocation/allocation.ts";
import type { Ending } from "../allocation/ending.ts";
import type { MachineEvent } from "../allocation/machine.ts";
import type { RestartDecision } from "../allocation/restart.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import type { Log } from "../base/log.ts";
import type { Cgroups } from "../cgroup/groups.ts";
import type { MachineUser } from "../node/users.ts";
import type { AgentDirs } from "../paths.ts";
import type { Hands, Prepare } from "./hands.ts";
import type { LedgerContext } from "./ledger.ts";
import type { MachinePlace } from "./machine-place.ts";
import type { SiblingContext } from "./siblings.ts";

export interface ActorContext extends LedgerContext, SiblingContext {
  readonly dirs: AgentDirs;
  readonly log: Log;
  readonly prepare: Prepare;
  /** Called after a machine's state has changed. */
  readonly onChange: (allocationId: string, task: string) => void;
  /** Null where machines run without limits of the kernel's. */
  readonly cgroups: Cgroups | null;
  /** Called after an allocation has nothing running any more. */
  readonly onTerminal: (allocation: Allocation) => void;
}

/** What an actor lends to work on one of its machines: what the machine is, and the way back into the mailbox. */
export interface Desk {
  readonly task: string;
  readonly hands: Hands;
  readonly context: ActorContext;
  /** The record as it is now. */
  readonly allocation: () => Allocation;
  /** True once the agent is about to end. */
  readonly closed: () => boolean;
  readonly place: (generation: number) => MachinePlace;
  readonly send: (event: MachineEvent) => void;
  readonly report: (event: TaskEvent) => void;
  /** Keeps what the machine will run as. */
  readonly keepUser: (user: MachineUser | null) => void;
  /** What the task's restart policy says of an end. */
  readonly decide: (ending: Ending, recoverable: boolean) => RestartDecision;
}
