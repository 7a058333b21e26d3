import { runtimeKind } from "./kind.ts";

/** Where a standard stream or a passed descriptor goes: nowhere, or to an open file descriptor of this process. */
export type Stdio = "ignore" | number;

export interface SpawnOptions {
  /** Program and arguments; the program is an absolute path or is looked up on `env.PATH`. */
  readonly argv: readonly [string, ...string[]];
  readonly cwd?: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Index is the descriptor number in the child: 0 stdin, 1 stdout, 2 stderr, 3 and up extra. */
  readonly stdio: readonly Stdio[];
  /** True puts the child into a session of its own, so that no signal of our terminal reaches it. */
  readonly detached?: boolean;
  /** Runs the program as this user, in this group and no other; for root only. The working directory is entered before that. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

export interface Exit {
  /** Exit status 0 to 255, or null when a signal ended the process. */
  readonly code: number | null;
  /** Signal name such as `SIGKILL`, or null. */
  readonly signal: string | null;
}

export interface Child {
  readonly pid: number;
  /** Resolves once the process is gone and reaped; never rejects. */
  readonly exited: Promise<Exit>;
  /** Lets this process end although the child runs on. */
  unref(): void;
}

/**
 * Starts a process with the runtime's native spawn. The descriptors in `stdio` stay open here and are the caller's to close.
 * @throws when the program does not exist or may not be executed (code `ENOENT`, `EACCES`), or `user` may not be taken (`EPERM`).
 */
export async function spawn(options: SpawnOptions): Promise<Child> {
  return runtimeKind === "bun" ? spawnBun(options) : await spawnNode(options);
}

function spawnBun(options: SpawnOptions): Child {
  const child = Bun.spawn([...options.argv], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env },
    stdio: [...options.stdio] as ["ignore", "ignore", "ignore"],
    detached: options.detached ?? false,
    ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
  });
  const exited = child.exited.then(() => ({ code: child.exitCode, signal: child.signalCode as string | null }));
  return { pid: child.pid, exited, unref: () => child.unref() };
}

async function spawnNode(options: SpawnOptions): Promise<Child> {
  const { spawn: nodeSpawn } = await import("node:child_process");
  const { once } = await import("node:events");
  const [program, ...rest] = options.argv;
  const child = nodeSpawn(program, rest, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env },
    stdio: [...options.stdio],
    detached: options.detached ?? false,
    ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  if (child.pid === undefined) {
    const [error] = await once(child, "error");
    throw error;
  }
  return { pid: child.pid, exited, unref: () => child.unref() };
}
