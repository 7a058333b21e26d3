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
    {
      name: "bind",
      value: "ADDRESS",
      help: "An IP address where the API is served by TCP, too, to whoever has a token; several with spaces between them. Beyond loopback it needs a certificate.",
    },
    { name: "http-port", value: "PORT", help: "Its port; 4646 unless told." },
    {
      name: "cert-file",
      value: "FILE",
      help: "The certificate (PEM) that TLS is spoken with there. SIGHUP reads it again.",
    },
    { name: "key-file", value: "FILE", help: "Its key." },
    {
      name: "ca-file",
      value: "FILE",
      help: "Authorities (PEM): only clients with a certificate of theirs are let in.",
    },
  ],
  details:
    "Runs in the foreground and logs to standard error. Its API is on the socket api.sock of the run directory, and elsewhere only where -bind or the configuration says so. SIGTERM and Ctrl-C stop it and leave the machines running; the next agent of the same data directory takes them over.",
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
