import type { DiskFault } from "../allocation/disk-fault.ts";
import { isRefusal, judgeEnding } from "../allocation/judge.ts";
import type { Live, MachineState } from "../allocation/machine.ts";
import type { TaskEvent } from "../allocation/task-event.ts";
import { keepsPanicked } from "../qemu/panic.ts";
import type { Desk } from "./desk.ts";
import { gatherEvidence } from "./evidence.ts";
import type { WatchListener } from "./watch.ts";

/** What is done about what the watch over a living machine sees. */
export function attend(desk: Desk, live: Live): WatchListener {
  const { send, context } = desk;
  return {
    onStatus: (status, fault) => hearStatus(desk, status, fault),
    onShutdown: (reason) => send({ kind: "shutdown_seen", at: context.clock.now(), reason }),
    onPanic: (action) => {
      if (action === "run") tell(desk, "the guest's kernel panicked; QEMU lets it go on, as -action in args asks");
    },
    onOrphaned: () =>
      tell(desk, "the machine's wrapper was killed; QEMU runs on, but nobody will write down its exit status"),
    onGone: () => void concludeEnd(desk, live),
  };
}

function hearStatus(desk: Desk, status: string, fault?: DiskFault): void {
  const { send, context } = desk;
  const machine = liveMachine(desk);
  if (machine === null) return;
  const at = context.clock.now();
  const news = machine.guest !== status || (fault !== undefined && machine.standstill?.status !== fault.status);
  if (news) send({ kind: "guest_status", at, status, fault });
  if (machine.kind !== "running" || machine.shutdown !== null) return;
  // In both states of QEMU no guest runs any more; an agent that comes back has not seen the event that led there.
  if (status === "shutdown") send({ kind: "shutdown_seen", at, reason: "guest-shutdown" });
  if (status !== "guest-panicked") return;
  const plan = context.store.launch(desk.allocation().id, desk.task, machine.generation);
  if (plan === undefined || !keepsPanicked(plan.argv)) send({ kind: "shutdown_seen", at, reason: "guest-panic" });
  else if (machine.guest !== status) tell(desk, "the guest's kernel panicked; QEMU keeps it, as -action in args asks");
}

function liveMachine({ allocation, task }: Desk): Extract<MachineState, { kind: "running" | "stopping" }> | null {
  const machine = allocation().tasks[task]?.machine;
  return machine?.kind === "running" || machine?.kind === "stopping" ? machine : null;
}

/** Reads what is left of a machine that is gone and says so to its actor. */
async function concludeEnd(desk: Desk, { identity, generation }: Live): Promise<void> {
  const { hands, context, decide, send } = desk;
  const { bootId, clock, log } = context;
  // Taken now: a wrapper that was killed too never writes what is waited for below, and that is no part of a stop.
  const at = clock.now();
  await hands.climbing;
  const rebooted = identity.bootId !== bootId;
  const departed = { place: desk.place(generation), identity, group: hands.group, rebooted, watched: true };
  const { evidence, remains } = await gatherEvidence(departed, log);
  // The agent ended meanwhile, and its store with it: the next one will find the same.
  if (desk.closed()) return;
  const ending = judgeEnding(evidence, at);
  const machine = liveMachine(desk);
  const recoverable = !isRefusal(ending, evidence, machine?.kind !== "running" || machine.guest !== "unknown");
  send({ kind: "gone", at, ending, next: decide(ending, recoverable), remains });
}

function tell({ report, context }: Desk, message: string): void {
  const event: TaskEvent = { type: "Driver", time: context.clock.now(), message, details: {}, failsTask: false };
  report(event);
}
