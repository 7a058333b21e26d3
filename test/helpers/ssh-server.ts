import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "../guests/cache.ts";
import { freePort } from "./ports.ts";
import { runProgram, testEnvironment } from "./run.ts";
import { spawnServer } from "./spawn-server.ts";
import { tempDir } from "./temp.ts";

export interface SshServer extends AsyncDisposable {
  readonly port: number;
  /** A private key that lets its owner in, as `sshkey` has it. */
  readonly key: string;
  /** One that lets nobody in. */
  readonly strangersKey: string;
  /** The line of `ssh_known_hosts` for the server. */
  readonly knownHost: string;
}

/** The host's sshd, or the one that `.ci/setup guests` unpacked: installed it would serve whoever owns this host. */
function findSshd(): { readonly program: string; readonly libraries: string } | undefined {
  const unpacked = join(CACHE, "sshd");
  const libraries = join(unpacked, "usr", "lib", "x86_64-linux-gnu");
  const programs = ["/usr/sbin/sshd", join(unpacked, "usr", "sbin", "sshd")];
  const program = programs.find((path) => existsSync(path));
  return program === undefined ? undefined : { program, libraries };
}

/** Why there is no ssh server for tests; undefined when there is one. */
export function whyNoSshServer(): string | undefined {
  if (findSshd() === undefined) return "there is no sshd: run sh .ci/setup guests";
  if (process.getuid?.() !== 0) return "only root gives a server a user and a client a list of hosts";
  return Bun.spawnSync(["unshare", "--mount", "true"]).success ? undefined : "mounting is forbidden here";
}

/**
 * Starts OpenSSH's server on a free port. It runs with an `/etc/passwd` and a `/run` of its own, which only it sees: the user `git` there
 * is this host's `nobody` with a shell, and may log in by one key.
 */
export async function startSshServer(): Promise<SshServer> {
  const sshd = findSshd();
  if (sshd === undefined) throw new Error(whyNoSshServer());
  const dir = tempDir();
  const port = await freePort();
  for (const name of ["host", "good", "bad"]) {
    await runProgram(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", dir.file(name)]);
  }
  mkdirSync(dir.file("home"), { mode: 0o755 });
  writeFileSync(dir.file("home", ".gitconfig"), "[safe]\n\tdirectory = *\n");
  writeFileSync(
    dir.file("passwd"),
    `root:x:0:0::/:/bin/sh\nsshd:x:65533:65534::/:/bin/false\ngit:x:65534:65534::${dir.file("home")}:/bin/sh\n`,
  );
  writeFileSync(
    dir.file("config"),
    [
      ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${dir.file("host")}`, "PidFile none", "UsePAM no"],
      ...[`AuthorizedKeysFile ${dir.file("good.pub")}`, "StrictModes no", "PasswordAuthentication no"],
      ...["KbdInteractiveAuthentication no", "AcceptEnv GIT_PROTOCOL", "LogLevel ERROR", ""],
    ].join("\n"),
  );
  const places = 'mount --bind "$1" /etc/passwd && mount -t tmpfs none /run && mkdir -m 755 /run/sshd';
  const server = await spawnServer(
    [
      ...(["unshare", "--mount", "sh", "-c", `${places} && exec "$2" -D -e -f "$3"`, "sh"] as const),
      ...[dir.file("passwd"), sshd.program, dir.file("config")],
    ],
    { dir, port, env: testEnvironment({ LD_LIBRARY_PATH: sshd.libraries }) },
  );
  const base64 = (name: string): string => readFileSync(dir.file(name)).toString("base64");
  return {
    port,
    key: base64("good"),
    strangersKey: base64("bad"),
    knownHost: `[127.0.0.1]:${port} ${readFileSync(dir.file("host.pub"), "utf8")}`,
    [Symbol.asyncDispose]: server.stop,
  };
}
