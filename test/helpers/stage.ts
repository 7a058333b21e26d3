import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HOME } from "./steps.ts";

/** Debian's nobody and nogroup; any user without rights would do. */
const USER = 65534;

export interface Stage {
  /** The words that start bun as the ordinary user. */
  readonly bun: readonly string[];
  /** Holds `test/` and what it imports. */
  readonly home: string;
  readonly tmp: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Copies what the e2e tests need into a directory that an ordinary user may read, wherever the checkout lies, and makes that user a home,
 * a runtime and a temporary directory.
 * @param scratch absolute, short, open to everybody.
 */
export function makeStage(scratch: string, binary: string, tinyDir: string): Stage {
  const home = join(scratch, "checkout");
  mkdirSync(home);
  for (const name of ["src", "test", "README.md", "build.ts", "package.json", "bunfig.toml", "tsconfig.json"]) {
    cpSync(join(HOME, name), join(home, name), { recursive: true });
  }
  const { dependencies } = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as { dependencies: object };
  for (const name of Object.keys(dependencies)) {
    cpSync(join(HOME, "node_modules", name), join(home, "node_modules", name), { recursive: true });
  }
  cpSync(tinyDir, join(scratch, "tiny"), { recursive: true });
  // Copies keep their modes, and a checkout may be closed to others.
  execFileSync("chmod", ["-R", "a+rX", home, join(scratch, "tiny")]);
  mkdirSync(join(scratch, "bin"));
  copyProgram(process.execPath, join(scratch, "bin", "bun"));
  copyProgram(binary, join(scratch, "bin", "paddock"));
  const env = userEnvironment(scratch);
  for (const dir of [env.HOME, env.TMPDIR, env.XDG_RUNTIME_DIR, env.XDG_STATE_HOME]) {
    mkdirSync(dir, { mode: 0o700 });
    chownSync(dir, USER, USER);
  }
  const asUser = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
  return { bun: [...asUser, join(scratch, "bin", "bun")], home, tmp: env.TMPDIR, env };
}

function copyProgram(from: string, to: string): void {
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

function userEnvironment(scratch: string) {
  return {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: join(scratch, "home"),
    TMPDIR: join(scratch, "tmp"),
    XDG_RUNTIME_DIR: join(scratch, "run"),
    XDG_STATE_HOME: join(scratch, "state"),
    PADDOCK_BINARY: join(scratch, "bin", "paddock"),
    PADDOCK_TINY_DIR: join(scratch, "tiny"),
    PADDOCK_E2E_STAGE: "user",
  };
}
