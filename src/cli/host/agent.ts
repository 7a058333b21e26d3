import { LOG_LEVELS } from "../../base/log.ts";
import { orList } from "../../base/text.ts";
import { DEFAULT_CONFIG_FILE, SYSTEM_DATA_DIR, SYSTEM_RUN_DIR } from "../../paths.ts";
import type { Command, Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";

export const AGENT: Command = {
  names: ["agent"],
  summary: "Be the daemon that runs the machines",
  operands: "",
  takes: [0, 0],
  flags: [
    {
      name: "config",
      value: "FILE",
      help: `The configuration, in HCL or JSON; root's agent reads ${DEFAULT_CONFIG_FILE} without it.`,
    },
    {
      name: "data-dir",
      value: "DIR",
      help: `State that survives a reboot; ${SYSTEM_DATA_DIR} for root, $XDG_STATE_HOME/paddock for others.`,
    },
    {
      name: "run-dir",
      value: "DIR",
      help: `Sockets; ${SYSTEM_RUN_DIR} for root, $XDG_RUNTIME_DIR/paddock for others.`,
    },
    { name: "log-level", value: "LEVEL", help: `${orList(LOG_LEVELS)}.` },
  ],
  details:
    "Runs in the foreground and logs to standard error. Its API is on the socket api.sock of the run directory and nowhere else. SIGTERM and Ctrl-C stop it and leave the machines running; the next agent of the same data directory takes them over.",
  examples: ["paddock agent", "paddock agent -config /etc/paddock/paddock.hcl -log-level debug"],
  exits: [
    [EXIT.ok, "it was stopped by SIGTERM or Ctrl-C"],
    [EXIT.failed, "it could not start"],
  ],
  run: runAgentCommand,
};

async function runAgentCommand({ context, flags }: Invocation): Promise<number> {
  const given = AGENT.flags.flatMap(({ name }) => {
    const value = flags.text(name);
    return value === undefined ? [] : [`-${name}=${value}`];
  });
  return await context.startAgent(given);
}
