import { AppError } from "../base/errors.ts";
import type { Finding } from "../cli/text/finding.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { type ConfigurationFlags, readConfiguration } from "../config/effective.ts";
import { readAgentArguments } from "../daemon/arguments.ts";
import { examineDirectories } from "./directories.ts";
import { examineHost } from "./host.ts";
import { examineHttp } from "./http.ts";
import { examineNamedPaths } from "./named-paths.ts";
import { examineRecords } from "./records.ts";
import { examineStrangers, findNamers } from "./strangers.ts";
import { examineUsers } from "./users.ts";

/**
 * Looks at everything that an agent with these flags needs, and at what it may have lost. Changes nothing.
 * @param args the agent's flags, in the form `-name=value`.
 * @throws AppError `invalid` for flags that the agent would not take.
 */
export async function examine(args: readonly string[]): Promise<readonly Finding[]> {
  const uid = process.getuid?.() ?? 0;
  const { config, finding } = examineConfiguration(readAgentArguments(args), uid);
  const host = await examineHost(uid);
  if (config === undefined) return [...host, finding];
  const { dirs } = config;
  const namers = findNamers(dirs);
  const { records, findings } = await examineRecords(dirs);
  const own = [
    finding,
    ...examineNamedPaths(config),
    ...examineDirectories(dirs, uid),
    ...examineHttp(config, Date.now()),
    ...(await examineUsers(config, uid)),
    ...findings,
  ];
  return [...host, ...own, ...examineStrangers(dirs, records, namers)];
}

/** What the agent would refuse to start with. */
function examineConfiguration(
  args: ConfigurationFlags,
  uid: number,
): {
  readonly config: AgentConfig | undefined;
  readonly finding: Finding;
} {
  const check = "config";
  const warnings: string[] = [];
  try {
    const config = readConfiguration(args, { uid, env: process.env }, (text) => warnings.push(text));
    if (warnings.length === 0) {
      return { config, finding: { check, level: "ok", message: "the agent's configuration is valid", remedy: null } };
    }
    const message = warnings.join("; ").trimEnd().split("\n")[0] ?? "";
    return {
      config,
      finding: { check, level: "warning", message, remedy: "see all of it: paddock agent -config FILE" },
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const [message = "", ...more] = error.message.split("\n");
    const remedy = error.hint ?? more[0] ?? null;
    return { config: undefined, finding: { check, level: "problem", message, remedy } };
  }
}
