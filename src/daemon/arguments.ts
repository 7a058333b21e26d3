import { parseArgs } from "node:util";
import { AppError, errorText } from "../base/errors.ts";
import { LOG_LEVELS, type LogLevel } from "../base/log.ts";
import { orList } from "../base/text.ts";
import type { ConfigurationFlags } from "../config/effective.ts";

const OPTIONS = {
  config: { type: "string" },
  "data-dir": { type: "string" },
  "run-dir": { type: "string" },
  "log-level": { type: "string" },
} as const;

const HINT = `the agent takes ${Object.keys(OPTIONS)
  .map((name) => `-${name} VALUE`)
  .join(", ")}`;

/** @throws AppError `invalid` for an unknown flag, a stray word, an empty path or a level that is none. */
export function readAgentArguments(args: readonly string[]): ConfigurationFlags {
  try {
    // Flags have one dash in Nomad's CLI, and two are as good.
    const long = args.map((word) => (/^-[a-z]/.test(word) ? `-${word}` : word));
    const { values } = parseArgs({ args: long, options: OPTIONS, strict: true, allowPositionals: false });
    return {
      config: values.config,
      dataDir: readPath("data-dir", values["data-dir"]),
      runDir: readPath("run-dir", values["run-dir"]),
      logLevel: values["log-level"] === undefined ? undefined : readLevel(values["log-level"]),
    };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("invalid", `paddock agent: ${errorText(error).split("\n")[0]}`, { hint: HINT, cause: error });
  }
}

/** An empty path, such as that of a variable which is not set, would be the current directory. */
function readPath(flag: string, path: string | undefined): string | undefined {
  if (path === "") throw new AppError("invalid", `-${flag}: expected a directory, found nothing`);
  return path;
}

function readLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level !== undefined) return level;
  throw new AppError("invalid", `-log-level: expected ${orList(LOG_LEVELS)}, found ${JSON.stringify(text)}`);
}
