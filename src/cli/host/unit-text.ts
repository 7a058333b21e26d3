import { relative } from "node:path";
import { AppError } from "../../base/errors.ts";
import type { AgentDirs } from "../../paths.ts";

/** Whose manager runs the unit: the system's, or the one of an ordinary user (`systemctl --user`). */
export type UnitScope = "system" | "user";

export interface UnitOptions {
  readonly scope: UnitScope;
  /** The agent's command line; the program is an absolute path. */
  readonly words: readonly [string, ...string[]];
  /** Where that agent will keep its files. */
  readonly dirs: AgentDirs;
  /** `$XDG_RUNTIME_DIR`, for the unit of a user. */
  readonly userRuntimeDir: string | undefined;
}

/** Mode of the agent's directories, see `makePlace` of the daemon: systemd sets it anew at each start. */
const DIRECTORY_MODE = "0711";

/**
 * The unit under which an agent may be stopped, restarted and killed while its machines run on. Why each line stands there is said in
 * the unit itself where it is not plain.
 * @throws AppError `invalid` for a program whose path systemd does not take.
 */
export function unitText({ scope, words: [program, ...rest], dirs, userRuntimeDir }: UnitOptions): string {
  const system = scope === "system";
  return `${[
    "[Unit]",
    "Description=paddock: QEMU virtual machines from Nomad job files",
    ...(system ? ["# Not wanted: a host without a network boots as fast.", "After=network-online.target"] : []),
    ...(system ? mountLines(dirs) : []),
    "# An agent that cannot start is tried again for ever: machines may wait for it.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=notify",
    `ExecStart=${[quoteProgram(program), ...rest.map(quoteWord)].join(" ")}`,
    "# The certificate is read again.",
    `ExecReload=/bin/sh -c "kill -HUP $MAINPID"`,
    "# A variable that makes another program of the binary is no matter of the agent's.",
    "UnsetEnvironment=BUN_BE_BUN BUN_OPTIONS",
    "",
    "# A stop, a restart and a crash are the agent's alone: the machines run on, and the next agent takes them over.",
    "KillMode=process",
    "OOMPolicy=continue",
    "Delegate=yes",
    "TasksMax=infinity",
    "",
    "Restart=on-failure",
    "RestartSec=2s",
    "WatchdogSec=60s",
    "# Nothing is to be learnt from the memory of a hung agent.",
    "WatchdogSignal=SIGKILL",
    "TimeoutStopSec=30s",
    "",
    ...directoryLines(scope, dirs, userRuntimeDir),
    "[Install]",
    `WantedBy=${system ? "multi-user.target" : "default.target"}`,
  ].join("\n")}\n`;
}

/** What systemd makes under its own roots it also mounts first; elsewhere it must be told. */
function mountLines({ dataDir, runDir }: AgentDirs): string[] {
  const paths = [dataDir, runDir].filter((path) => nameBelow("/var/lib", path) === null && !path.startsWith("/run/"));
  return paths.length === 0 ? [] : [`RequiresMountsFor=${paths.map(quotePath).join(" ")}`];
}

function directoryLines(scope: UnitScope, dirs: AgentDirs, userRuntimeDir: string | undefined): string[] {
  // A user's StateDirectory= is below another directory in systemd 254 than in those before.
  const state = scope === "system" ? nameBelow("/var/lib", dirs.dataDir) : null;
  const run = nameBelow(scope === "system" ? "/run" : userRuntimeDir, dirs.runDir);
  const lines = [
    ...(state === null ? [] : [`StateDirectory=${quotePath(state)}`, `StateDirectoryMode=${DIRECTORY_MODE}`]),
    ...(run === null
      ? []
      : [
          `RuntimeDirectory=${quotePath(run)}`,
          `RuntimeDirectoryMode=${DIRECTORY_MODE}`,
          "# It holds the sockets of machines that run on.",
          "RuntimeDirectoryPreserve=yes",
        ]),
  ];
  return lines.length === 0 ? [] : [...lines, ""];
}

/** The name of `path` relative to `root` when it lies below it. */
function nameBelow(root: string | undefined, path: string): string | null {
  if (root === undefined || root === "") return null;
  const name = relative(root, path);
  // systemd reads a colon as the beginning of a link's name.
  return name === "" || name === ".." || name.startsWith("../") || name.includes(":") ? null : name;
}

/** In a program's path nothing is a variable, and some characters are refused however they are written. */
function quoteProgram(path: string): string {
  if (/["'\\\u0000-\u001f\u007f]/.test(path)) {
    throw new AppError(
      "invalid",
      `systemd starts no program with quotes, backslashes or control characters in its path: ${path}`,
      {
        hint: "copy paddock to another place, such as /usr/local/bin, and run it from there",
      },
    );
  }
  return quotePath(path);
}

/** A word of a command line: as `quotePath`, and `$` would begin a variable. */
function quoteWord(word: string): string {
  return quotePath(word).replaceAll("$", "$$$$");
}

/** A word of a unit file (systemd.syntax(7)): in quotes where it must be, `%` doubled because it begins a specifier. */
function quotePath(word: string): string {
  const whole = word.replaceAll("%", "%%");
  if (/^[\w@%+=:,./$-]+$/.test(whole)) return whole;
  const escaped = whole.replace(/[\\"\u0000-\u001f\u007f]/g, (char) =>
    char === "\\" || char === '"' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${escaped}"`;
}
