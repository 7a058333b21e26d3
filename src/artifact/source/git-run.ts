import { chmodSync, lchownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError } from "../../base/errors.ts";
import { type ExecResult, execWatched } from "../../base/exec.ts";
import { makePassable } from "../../base/files.ts";
import { escapeControls, shorten } from "../../base/text.ts";
import { trustedAuthorities } from "../../runtime/fetch.ts";
import { artifactError, PassingTrouble } from "../failure.ts";
import type { GitPlan } from "./git-plan.ts";
import type { SourcePlan } from "./plan.ts";
import { proxyFor } from "./proxy.ts";
import { NOBODY } from "./rules.ts";

export interface GitOptions {
  /** A directory that is made for it; what has its name goes. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** Longest time in which neither its files nor what it says grows, in milliseconds. */
  readonly stallMillis: number;
  /** Called about twice a second with the bytes of its files; what it throws ends git. */
  readonly onGrowth: (bytes: number) => void;
}

export interface Git {
  /** @param output an open descriptor for what git prints, else it is returned. @throws AppError `fetch` unless it ends with 0. */
  run(args: readonly [string, ...string[]], output?: number): Promise<string>;
  /** As `run`; git's refusal is no error but undefined. */
  ask(args: readonly [string, ...string[]]): Promise<string | undefined>;
  /** Removes all of it. */
  close(): void;
}

/**
 * Makes a place where git runs with nothing of the host's but its program: no configuration, hooks, helpers or prompts, no environment of
 * the agent's but what its configuration lends.
 * @param address what git is asked to fetch; its scheme is the only one that git may use.
 */
export async function openGit(plan: SourcePlan, wanted: GitPlan, address: URL, options: GitOptions): Promise<Git> {
  const { dir } = options;
  rmSync(dir, { recursive: true, force: true });
  // Others may pass, so that git's user gets to its own directory, and see no names.
  makePassable(dirname(dir));
  mkdirSync(dir, { mode: 0o700 });
  const user = process.geteuid?.() === 0 ? userFor(wanted, address) : undefined;
  const give = (path: string, mode: number): void => {
    if (user === undefined) return;
    lchownSync(path, 0, user.gid);
    chmodSync(path, mode);
  };
  const write = (name: string, text: string): void => {
    writeFileSync(join(dir, name), text, { mode: 0o600, flag: "wx" });
    give(join(dir, name), 0o640);
  };
  const env = environmentOf(plan, wanted, address, dir);
  write("config", await configOf(plan, address, dir, write));
  if (wanted.login !== null) write(".netrc", netrcOf(address, wanted));
  if (wanted.sshKey !== null) write("key", wanted.sshKey);
  // What the repository's own attributes would leave out or fill in comes as it is.
  for (const name of ["template", "template/info"]) {
    mkdirSync(join(dir, name), { mode: 0o700 });
    give(join(dir, name), 0o750);
  }
  write("template/info/attributes", "* -export-ignore -export-subst\n");
  // Last: from then on git may put links there, and root writes nothing any more.
  give(dir, 0o770);
  const ask = (args: readonly [string, ...string[]], output?: number): Promise<ExecResult> =>
    runGit(plan, { ...options, env, user }, args, output ?? null);
  return {
    async run(args, output) {
      const result = await ask(args, output);
      if (result.exit?.code === 0) return result.stdout;
      throw explainGit(plan, args[0], result);
    },
    async ask(args) {
      const { exit, stdout } = await ask(args);
      return exit?.code === 0 ? stdout : undefined;
    },
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/**
 * What is git's is its group's, which has no member: ssh runs as nobody but a user that has a name, and others of that name get neither
 * to its files nor to its memory.
 */
function userFor({ uid }: GitPlan, { protocol }: URL): { readonly uid: number; readonly gid: number } | undefined {
  if (uid === null) return undefined;
  return { uid: protocol === "ssh:" ? NOBODY : uid, gid: uid };
}

function environmentOf(plan: SourcePlan, wanted: GitPlan, address: URL, dir: string): Record<string, string> {
  const proxy = proxyFor(address, plan.transport.proxies);
  const scheme = address.protocol.slice(0, -1);
  return {
    ...wanted.environment,
    ...(proxy === null ? {} : { http_proxy: proxy, https_proxy: proxy }),
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C",
    HOME: dir,
    GIT_DIR: join(dir, "repository"),
    GIT_CONFIG_GLOBAL: join(dir, "config"),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    GIT_ALLOW_PROTOCOL: scheme,
    GIT_SSH_COMMAND: sshCommand(plan, wanted, dir),
    GIT_SSH_VARIANT: "ssh",
  };
}

/** A shell reads it, and `dir` is the agent's own name. */
function sshCommand({ insecure }: SourcePlan, { sshKey }: GitPlan, dir: string): string {
  const hosts = insecure
    ? ["-o StrictHostKeyChecking=no", "-o UserKnownHostsFile=/dev/null"]
    : ["-o StrictHostKeyChecking=yes", "-o UserKnownHostsFile=/dev/null"];
  // ssh looks for keys in its user's own home, whatever HOME says.
  const key = sshKey === null ? "-o IdentityFile=none" : `-i '${dir.replaceAll("'", "'\\''")}/key'`;
  return ["ssh -F /dev/null -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=30", ...hosts, key].join(" ");
}

async function configOf(
  { insecure, transport }: SourcePlan,
  address: URL,
  dir: string,
  write: (name: string, text: string) => void,
): Promise<string> {
  const http = [`sslVerify = ${!insecure}`, "followRedirects = false"];
  const give = (key: string, name: string, text: string | null): void => {
    if (text === null) return;
    write(name, text);
    http.push(`${key} = ${JSON.stringify(join(dir, name))}`);
  };
  const { ca, cert, key } = transport.tls;
  // It stands instead of the host's own authorities.
  give("sslCAInfo", "authorities.pem", ca === null ? null : (await trustedAuthorities(ca)).join("\n"));
  give("sslCert", "cert.pem", cert);
  give("sslKey", "key.pem", key);
  const path = address.protocol === "file:" ? decodeURIComponent(address.pathname) : "";
  return [
    "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false",
    "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false",
    "[fetch]\n\trecurseSubmodules = false\n\tunpackLimit = 1",
    "[credential]\n\thelper =",
    // A repository of the host's may be anybody's; the operator named its directory.
    path === "" ? "" : `[safe]\n\tdirectory = ${JSON.stringify(path)}\n\tdirectory = ${JSON.stringify(`${path}/.git`)}`,
    `[http]\n\t${http.join("\n\t")}\n`,
  ].join("\n");
}

function netrcOf(address: URL, { login }: GitPlan): string {
  return `machine ${address.hostname} login ${login?.login} password ${login?.password}\n`;
}

async function runGit(
  plan: SourcePlan,
  {
    dir,
    signal,
    stallMillis,
    onGrowth,
    env,
    user,
  }: GitOptions & Pick<Parameters<typeof execWatched>[1], "env" | "user">,
  args: readonly string[],
  output: number | null,
): Promise<ExecResult> {
  let before = -1;
  let grownAt = monotonicMillis();
  const look = (errorBytes: number): void => {
    const bytes = sizeOf(dir);
    onGrowth(bytes);
    const now = bytes + errorBytes + (output === null ? 0 : statSync(`/proc/self/fd/${output}`).size);
    if (now !== before) grownAt = monotonicMillis();
    before = now;
    if (monotonicMillis() - grownAt < stallMillis) return;
    throw new PassingTrouble(plan.source, `git brought nothing for ${stallMillis / 1000} s`, "try again");
  };
  const result = await execWatched(["git", ...args], { env, cwd: dir, user, output, look, signal });
  if (result.exit?.code !== 127) return result;
  throw artifactError(plan.source, "there is no git on this host", "install git (Debian: apt install git)");
}

/** Bytes of all files below a directory; what goes meanwhile counts for nothing. */
function sizeOf(dir: string): number {
  try {
    return readdirSync(dir, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .reduce(
        (sum, entry) => sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
        0,
      );
  } catch {
    return 0;
  }
}

/** What may be over when the server is asked again. */
const PASSING =
  /timed out|Connection (refused|reset)|early EOF|unexpected disconnect|hung up unexpectedly|returned error: (5\d\d|429|408)|No route to host|unreachable/i;

/** A server that sends git elsewhere. */
export class RepositoryMoved extends AppError {}

function explainGit(plan: SourcePlan, command: string, { exit, stderr }: ExecResult): AppError {
  const lines = stderr.split(/[\r\n]+/).map((line) => line.trim());
  const last = (pattern: RegExp): string | undefined => lines.findLast((line) => pattern.test(line));
  // What ssh says is why; git's own last word is only that it got nothing.
  const told = last(/^(ssh:|Host key)|Permission denied \(/) ?? last(/^(fatal|error):/) ?? lines.at(-1) ?? "";
  const how = exit?.signal ? `ended by ${exit.signal}` : `exit code ${exit?.code ?? "unknown"}`;
  // A proxy's address may be among git's words.
  const words = shorten(escapeControls(told.replace(/\/\/[^@\s/]*@/g, "//***@")), 300);
  const message = `git ${command}: ${told === "" ? how : words}`;
  if (/returned error: 30\d/.test(stderr)) return new RepositoryMoved("fetch", `artifact ${plan.source}: ${message}`);
  if (PASSING.test(stderr)) return new PassingTrouble(plan.source, message);
  return artifactError(plan.source, message, hintOf(stderr));
}

function hintOf(stderr: string): string | undefined {
  if (/Host key verification failed/.test(stderr)) {
    return "put the server's key into /etc/ssh/ssh_known_hosts (ssh-keyscan), or insecure = true";
  }
  if (/Authentication failed|could not read (Username|Password)|Permission denied \(/.test(stderr)) {
    return "give credentials: user info of an https:// URL, or sshkey in options";
  }
  if (/Permission denied|dubious ownership|does not appear to be a git repository/.test(stderr)) {
    return "git of root's agent runs as a user without rights: a repository of the host must be open to everybody, and data_dir to pass";
  }
  if (/Could not resolve host/.test(stderr)) return "check the name and this host's DNS";
  return /not found|does not exist/i.test(stderr) ? "check the address of the repository" : undefined;
}
