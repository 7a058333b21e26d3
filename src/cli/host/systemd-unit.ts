import { resolve } from "node:path";
import { AppError } from "../../base/errors.ts";
import { DEFAULT_CONFIG_FILE } from "../../paths.ts";
import type { Command, Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import { type UnitScope, unitText } from "./unit-text.ts";

export const SYSTEMD_UNIT: Command = {
  names: ["systemd unit"],
  summary: "Print the unit that runs the agent under systemd",
  operands: "",
  takes: [0, 0],
  flags: [
    {
      name: "config",
      value: "FILE",
      help: `The agent's configuration; root's agent reads ${DEFAULT_CONFIG_FILE} without it.`,
    },
    { name: "data-dir", value: "DIR", help: "The agent's -data-dir." },
    { name: "run-dir", value: "DIR", help: "The agent's -run-dir." },
    { name: "system", help: "The system's unit also when you are not root: the agent that it starts is root's." },
  ],
  details:
    "Prints the unit for this program where it is now: the system's for root, for an ordinary user the one of `systemctl --user`. The flags are handed on to the agent; its configuration is read only to name its directories. Stopping or restarting the unit leaves the machines running, and the next agent takes them over; `paddock stop` ends them. A machine of a user's unit ends with the user's last session unless `loginctl enable-linger` was said.",
  examples: [
    "paddock systemd unit > /etc/systemd/system/paddock.service",
    "paddock systemd unit -system | sudo tee /etc/systemd/system/paddock.service",
    "paddock systemd unit > ~/.config/systemd/user/paddock.service",
  ],
  run: printUnit,
};

const PATH_FLAGS = ["config", "data-dir", "run-dir"] as const;

async function printUnit({ context, flags }: Invocation): Promise<number> {
  const { terminal, self, uid, env } = context;
  const scope: UnitScope = uid === 0 || flags.has("system") ? "system" : "user";
  const [config, dataDir, runDir] = PATH_FLAGS.map((name) => absolute(name, flags.text(name)));
  const user = scope === "system" ? { uid: 0, env: {} } : { uid, env };
  // What reads a configuration is needed by no other command of the CLI, and they shall start as fast as before.
  const { readConfiguration } = await import("../../config/effective.ts");
  const { dirs } = readConfiguration({ config, dataDir, runDir, logLevel: undefined }, user, (text) =>
    terminal.err.text(text),
  );
  const given = [config, dataDir, runDir].flatMap((value, index) =>
    value === undefined ? [] : [`-${PATH_FLAGS[index]}=${value}`],
  );
  const words: readonly [string, ...string[]] = [...self, "agent", ...given];
  terminal.out.text(unitText({ scope, words, dirs, userRuntimeDir: user.env["XDG_RUNTIME_DIR"] }));
  return EXIT.ok;
}

/** The agent is started in another directory than this command. */
function absolute(flag: string, path: string | undefined): string | undefined {
  if (path === "") throw new AppError("invalid", `-${flag}: expected a path, found nothing`);
  return path === undefined ? undefined : resolve(path);
}
