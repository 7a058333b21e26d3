import { AppError } from "../../base/errors.ts";
import { nearestName, orList } from "../../base/text.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { NAME_FORMS, resolveTask } from "../names.ts";

const ACTIONS = ["press", "reset", "pause", "resume"];

export const VM_POWER: Command = {
  names: ["vm power"],
  summary: "Press, reset, pause or resume a machine",
  operands: "press|reset|pause|resume NAME [TASK]",
  takes: [2, 3],
  flags: [ADDRESS_FLAG],
  details: `press pushes the power button once and leaves it to the guest what it does; reset is the reset button, which loses what the guest has not written; pause stops the guest's processors until resume. Prints what QEMU says of the guest afterwards. A paused machine stays so over restarts of the agent; stopping its job resumes it, for it could not hear its button. ${NAME_FORMS}`,
  examples: ["paddock vm power press web", "paddock vm power pause web/vm", "paddock vm power resume 1f2e3d4c"],
  exits: [
    [EXIT.ok, "it was done"],
    [EXIT.failed, "there is no such machine, it does not run, or QEMU refused"],
  ],
  run: runVmPower,
};

async function runVmPower(invocation: Invocation): Promise<number> {
  const [word = "", name = "", task] = invocation.operands;
  const action = readAction(word);
  const client = await connectAgent(invocation);
  const found = await resolveTask(client, name, task);
  const { Message } = await client.powerMachine(found.allocation.ID, found.task, action);
  invocation.context.terminal.out.line(Message);
  return EXIT.ok;
}

function readAction(word: string): string {
  if (ACTIONS.includes(word)) return word;
  const near = nearestName(word, ACTIONS);
  throw new AppError("invalid", `paddock vm power: expected ${orList(ACTIONS)}, found ${JSON.stringify(word)}`, {
    hint: near === undefined ? "paddock vm power -help tells more" : `did you mean ${near}?`,
  });
}
