import type { Rung } from "../allocation/ladder.ts";
import type { MachineState, ProcessIdentity } from "../allocation/machine.ts";
import type { Desk } from "./desk.ts";
import { signalProcess } from "./signal.ts";

/** Tries one rung of the stop ladder and puts its answer into the mailbox. */
export async function climb(desk: Desk, state: MachineState, rung: Rung): Promise<void> {
  if (state.kind !== "stopping") return;
  const { task, context } = desk;
  const answer = await tryRung(desk, state.identity, rung);
  context.log.info("stopping", { task, rung, answer });
  const machine = desk.allocation().tasks[task]?.machine;
  if (machine?.kind === "stopping") desk.send({ kind: "rung_answered", at: context.clock.now(), rung, answer });
}

async function tryRung({ hands, context }: Desk, identity: ProcessIdentity, rung: Rung): Promise<string> {
  switch (rung) {
    case "powerdown":
      return (await hands.watch?.pressPowerButton()) ?? "monitor is not connected";
    case "quit":
      return (await hands.watch?.quit()) ?? "monitor is not connected";
    case "SIGTERM":
    case "SIGKILL":
      return await signalProcess(identity, context.bootId, rung);
  }
}
