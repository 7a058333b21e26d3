import { resolve } from "node:path";
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
  bind: { type: "string" },
  "http-port": { type: "string" },
  "ca-file": { type: "string" },
  "cert-file": { type: "string" },
  "key-file": { type: "string" },
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
      http: {
        bind: values.bind,
        httpPort: readPort(values["http-port"]),
        caFile: readFile("ca-file", values["ca-file"]),
        certFile: readFile("cert-file", values["cert-file"]),
        keyFile: readFile("key-file", values["key-file"]),
      },
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

/** Relative to where the command is given, as every path on a command line. */
function readFile(flag: string, path: string | undefined): string | undefined {
  if (path === "") throw new AppError("invalid", `-${flag}: expected a file, found nothing`);
  return path === undefined ? undefined : resolve(path);
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new AppError("invalid", `-http-port: expected a port from 1 to 65535, found ${JSON.stringify(text)}`);
}

function readLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level !== undefined) return level;
  throw new AppError("invalid", `-log-level: expected ${orList(LOG_LEVELS)}, found ${JSON.stringify(text)}`);
}
