import type { Allocation } from "../allocation/allocation.ts";
import { report } from "../allocation/effect.ts";
import type { StopOrder } from "../allocation/ladder.ts";
import { isRestart, isToStayDown } from "../allocation/order.ts";
import type { Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { shortId } from "../base/ids.ts";
import type { AllocationActor } from "./actor.ts";
import { operatePower, type PowerAction, type PowerOutcome, signalMachine } from "./operate.ts";
import type { SentSignal } from "./signal.ts";

/** What a person may tell a machine to do beside starting and stopping. */
export interface MachineCommands {
  /**
   * Stops a machine and starts it again in place, whatever its restart policy; one that waits for its next start begins at once.
   * @throws AppError `conflict` when it has ended or is to end.
   */
  restart(allocationId: string, task: string, order: StopOrder): void;
  /** @throws AppError as `signalMachine` does. */
  signal(allocationId: string, task: string, signal: SentSignal): Promise<void>;
  /** @throws AppError as `operatePower` does. */
  power(allocationId: string, task: string, action: PowerAction): Promise<PowerOutcome>;
}

/** The commands over the actors of one supervisor. */
export function machineCommands(actors: ReadonlyMap<string, AllocationActor>, clock: Clock): MachineCommands {
  const find = (allocationId: string): AllocationActor => {
    const actor = actors.get(allocationId);
    if (actor !== undefined) return actor;
    throw new AppError("conflict", `allocation ${shortId(allocationId)} has ended`, { hint: RUN_AGAIN });
  };
  return {
    restart: (allocationId, task, order) => {
      const actor = find(allocationId);
      if (!mayRestart(actor.allocation, task)) return;
      const at = clock.now();
      // Written first, so that a store that takes nothing refuses the command instead of forgetting it.
      actor.announce(task, report("Restart Signaled", at, "Restart by command").event);
      actor.send(task, { kind: "restart_requested", at, order });
    },
    signal: async (allocationId, task, signal) => await signalMachine(find(allocationId).desk(task), signal),
    power: async (allocationId, task, action) => await operatePower(find(allocationId).desk(task), action),
  };
}

const RUN_AGAIN = "an allocation ends once; paddock job run starts its job in a new one";

/** False for a machine that starts anew anyway. @throws AppError `conflict` for one that is to stay down. */
function mayRestart({ id, desired, tasks }: Allocation, task: string): boolean {
  const machine = tasks[task]?.machine;
  if (desired === "run" && machine !== undefined && !isToStayDown(machine)) {
    if (machine.kind === "stopping") return !isRestart(machine.order);
    return machine.kind !== "pending" && machine.kind !== "preparing";
  }
  const how = machine?.kind === "ended" ? "has ended" : "is being stopped";
  throw new AppError("conflict", `the machine of task "${task}" of allocation ${shortId(id)} ${how}`, {
    hint: RUN_AGAIN,
  });
}
