import { answerPatience, type Rung, type RungAnswer } from "../allocation/ladder.ts";
import type { MachineState } from "../allocation/machine.ts";
import { monotonicMillis } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { QmpClient } from "../qmp/client.ts";
import { cont, GUEST_AGENT_CHARDEV, isFrontendOpen, queryStatus, quit, systemPowerdown } from "../qmp/commands.ts";
import { shutdownByGuestAgent } from "../qmp/guest-agent.ts";
import type { Desk } from "./desk.ts";
import { SENT, signalProcess } from "./signal.ts";
import { wakeProcess } from "./wake.ts";

type Stopping = Extract<MachineState, { kind: "stopping" }>;

/** Tries one rung of the stop ladder and puts its answer into the mailbox; never rejects. */
export async function climb(desk: Desk, state: MachineState, rung: Rung): Promise<void> {
  if (state.kind !== "stopping") return;
  const { task, context } = desk;
  const woken = await wakeProcess(desk.place(state.generation), state.identity, context.bootId);
  const said = await tryRung(desk, state, rung);
  const answer = { ...said, words: `${said.words}${woken}` };
  context.log.info("stopping", { task, rung, answer: answer.words });
  const machine = desk.allocation().tasks[task]?.machine;
  if (machine?.kind === "stopping") desk.send({ kind: "rung_answered", at: context.clock.now(), rung, answer });
}

/** A monitor that hangs is not given a heap of presses for the moment that it wakes up. */
const UNANSWERED: RungAnswer = { words: "not sent: the one before it has no answer yet", accepted: false };

async function tryRung(desk: Desk, state: Stopping, rung: Rung): Promise<RungAnswer> {
  const { unanswered } = desk.hands;
  if (unanswered.has(rung)) return UNANSWERED;
  unanswered.add(rung);
  try {
    return await askRung(desk, state, rung, answerPatience(state.order, rung, desk.context.clock.now()));
  } finally {
    unanswered.delete(rung);
  }
}

async function askRung(desk: Desk, state: Stopping, rung: Rung, patience: number): Promise<RungAnswer> {
  switch (rung) {
    case "guest-agent":
      return await askGuestAgent(desk, state, patience);
    case "powerdown":
      return await askMonitor(desk, patience, async (client, left) => {
        const resumed = await wakeGuest(desk, client, left);
        await systemPowerdown(client, left());
        return `accepted${resumed}`;
      });
    case "quit":
      return await askMonitor(desk, patience, async (client, left) => {
        await quit(client, left());
        return "accepted";
      });
    case "SIGTERM":
    case "SIGKILL": {
      const words = await signalProcess(state.identity, desk.context.bootId, rung);
      return { words, accepted: words === SENT };
    }
  }
}

async function askMonitor(
  { hands }: Desk,
  patience: number,
  ask: (client: QmpClient, left: () => number) => Promise<string>,
): Promise<RungAnswer> {
  const client = hands.watch?.monitor ?? null;
  if (client === null) return { words: "monitor is not connected", accepted: false };
  try {
    return { words: await ask(client, deadline(patience)), accepted: true };
  } catch (error) {
    return { words: `monitor: ${errorText(error)}`, accepted: false };
  }
}

/** Milliseconds that are left, at least one. */
function deadline(patience: number): () => number {
  const end = monotonicMillis() + patience;
  return () => Math.max(1, end - monotonicMillis());
}

/** States in which the guest does not run and so cannot hear, but can be made to. */
const RESUMABLE = ["paused", "io-error", "watchdog", "debug"];

/** Makes a guest that stands still run on. @returns what there is to tell of it. @throws QmpError. */
async function wakeGuest({ hands }: Desk, client: QmpClient, left: () => number): Promise<string> {
  const { status } = await queryStatus(client, left());
  if (!RESUMABLE.includes(status)) return "";
  await cont(client, left());
  return hands.resumed++ === 0
    ? ` (guest was ${status} and was resumed)`
    : ` (guest was ${status} again and was resumed again)`;
}

async function askGuestAgent(desk: Desk, state: Stopping, patience: number): Promise<RungAnswer> {
  const { hands, context } = desk;
  const left = deadline(patience);
  const client = hands.watch?.monitor ?? null;
  let resumed = "";
  if (client !== null) {
    const half = deadline(patience / 2);
    try {
      resumed = await wakeGuest(desk, client, half);
      // Told at once, the guest has the time for its button that waiting for an answer would have cost.
      if ((await isFrontendOpen(client, GUEST_AGENT_CHARDEV, half())) === false) {
        return { words: `nobody listens in the guest${resumed}`, accepted: false };
      }
    } catch (error) {
      context.log.debug("the monitor says nothing of the guest agent's channel", { error: errorText(error) });
    }
  }
  const { sockets, user } = desk.place(state.generation);
  const answer = await shutdownByGuestAgent(sockets.guestAgent, {
    owner: user?.uid ?? process.getuid?.(),
    deadlineMillis: left(),
    log: context.log,
    signal: hands.watch?.released,
  });
  return { ...answer, words: `${answer.words}${resumed}` };
}
