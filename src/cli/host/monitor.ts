import { AppError } from "../../base/errors.ts";
import { LOG_LEVELS } from "../../base/log.ts";
import { orList } from "../../base/text.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { createConsoleText } from "../console/text.ts";
import { EXIT } from "../exit.ts";

export const MONITOR: Command = {
  names: ["monitor"],
  summary: "Follow the agent's log",
  operands: "",
  takes: [0, 0],
  flags: [
    ADDRESS_FLAG,
    {
      name: "log-level",
      value: "LEVEL",
      help: `${orList(LOG_LEVELS)}; info unless told, whatever the agent itself prints.`,
    },
  ],
  details: "Prints what the agent logs from now on, a line each, until Ctrl-C or until the agent ends.",
  examples: ["paddock monitor", "paddock monitor -log-level debug"],
  exits: [
    [EXIT.ok, "the agent has ended"],
    [EXIT.failed, "no agent answers, or it broke off"],
    [EXIT.SIGINT, "Ctrl-C"],
  ],
  run: runMonitor,
};

async function runMonitor(invocation: Invocation): Promise<number> {
  const { context, flags } = invocation;
  const level = (flags.text("log-level") ?? "info").toLowerCase();
  if (!LOG_LEVELS.some((known) => known === level)) {
    throw new AppError("invalid", `flag -log-level: expected ${orList(LOG_LEVELS)}, found ${JSON.stringify(level)}`);
  }
  const client = await connectAgent(invocation);
  const { terminal } = context;
  const interrupt = terminal.listenForInterrupt();
  const toText = createConsoleText();
  try {
    for await (const chunk of client.readChunks(`/v1/agent/monitor?plain=true&log_level=${level}`, interrupt.signal)) {
      if (terminal.out.isTerminal) terminal.out.text(toText(chunk));
      else terminal.out.raw(chunk);
      await terminal.drain();
    }
    interrupt.signal.throwIfAborted();
    return EXIT.ok;
  } finally {
    interrupt.release();
  }
}
