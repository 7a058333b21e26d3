import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cachePlaces, repositoriesDir } from "../../src/paths.ts";
import { artifactBench, fetchHere, type Wanted } from "../helpers/artifact.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";
import { type SshServer, startSshServer, whyNoSshServer } from "../helpers/ssh-server.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { listing } from "../helpers/unpacking.ts";

const here = artifactBench();
const missing = whyNoSshServer();
let dir: TempDir;
let server: SshServer;

function git(name: string, ...args: string[]): void {
  const who = ["-c", "user.name=n", "-c", "user.email=a@example.org"];
  const { stderr, success } = Bun.spawnSync(["git", "-C", dir.file(name), ...who, ...args]);
  if (!success) throw new Error(stderr.toString());
}

function makeRepository(name: string): void {
  mkdirSync(dir.file(name, "-rf"), { recursive: true });
  writeFileSync(dir.file(name, "a.img"), "one");
  writeFileSync(dir.file(name, "-rf", "b.img"), "b");
  git(name, "init", "-q", "-b", "main");
  git(name, "add", "-A");
  git(name, "commit", "-qm", "one");
  git(name, "tag", "v1");
  writeFileSync(dir.file(name, "a.img"), "two");
  git(name, "commit", "-qam", "two");
}

const local = (...names: string[]): string => join(here.dirs.local, ...names);
const left = (): string[] => [
  ...(existsSync(repositoriesDir(here.cache)) ? readdirSync(repositoriesDir(here.cache)) : []),
  ...readdirSync(cachePlaces(here.cache).parts).filter((name) => !name.endsWith(".pin")),
];
const at = (name: string, more = ""): string => `git::ssh://git@127.0.0.1:${server.port}${dir.file(name)}${more}`;

function get(source: string, options: Readonly<Record<string, string>>, wanted: Wanted = {}) {
  // The user that git runs as has to get to its directory.
  chmodSync(here.dir.path, 0o755);
  return fetchHere(here.plan(source, { ...wanted, options }), here.cache);
}

async function expectRefusal(promise: Promise<unknown>, message: string, hint: string): Promise<void> {
  const error = await refusal(promise);
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
  expect(error.message + error.hint).not.toContain(server.key.slice(0, 60));
  expect(readdirSync(here.dirs.local)).toEqual([]);
  expect(left()).toEqual([]);
}

describe.skipIf(missing !== undefined)(`a repository over ssh (${missing ?? "by a real sshd"})`, () => {
  beforeAll(async () => {
    dir = tempDir();
    chmodSync(dir.path, 0o755);
    for (const name of ["repository", "-repository"]) makeRepository(name);
    server = await startSshServer();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  test("comes by the job's key from a server that nobody knows, when the job says insecure", async () => {
    const insecure = { insecure: true };
    await get(at("repository"), { sshkey: server.key }, insecure);
    expect(readFileSync(local("a.img"), "utf8")).toBe("two");
    const destination = "local/first/";
    await get(at("repository", "//a.img"), { sshkey: server.key, ref: "v1" }, { ...insecure, destination });
    expect(readFileSync(local("first", "a.img"), "utf8")).toBe("one");
    expect(left()).toEqual([]);
  });

  test("is refused from a server that nobody knows, before any key is shown to it", async () => {
    await expectRefusal(
      get(at("repository"), { sshkey: server.key }),
      "Host key verification failed",
      "/etc/ssh/ssh_known_hosts",
    );
  });

  test("is refused without a key, and with a stranger's", async () => {
    for (const options of [{}, { sshkey: server.strangersKey }]) {
      const got = get(at("repository"), options as Record<string, string>, { insecure: true });
      await expectRefusal(got, "Permission denied (publickey)", "sshkey in options");
    }
  });

  test("comes from a server that the host knows, and not when it has another key by now", async () => {
    const etc = dir.file("etc-ssh");
    mkdirSync(etc);
    const script = join(import.meta.dirname, "artifact", "fetch-one.ts");
    const fetchOne = async (knownHosts: string): Promise<unknown> => {
      writeFileSync(join(etc, "ssh_known_hosts"), knownHosts);
      const argv = [process.execPath, script, at("repository"), here.dir.path, JSON.stringify({ sshkey: server.key })];
      const inEtc = 'mount --bind "$0" /etc/ssh && exec "$@"';
      const { stdout } = await runProgram(["unshare", "--mount", "sh", "-c", inEtc, etc, ...argv]);
      return JSON.parse(stdout);
    };
    chmodSync(here.dir.path, 0o755);
    await using other = await startSshServer();
    const forged = other.knownHost.replace(`:${other.port} `, `:${server.port} `);
    expect(await fetchOne(forged)).toEqual({
      message: expect.stringContaining("Host key verification failed"),
      hint: expect.stringContaining("ssh_known_hosts"),
    });
    expect(await fetchOne(server.knownHost)).toEqual({ bytes: expect.any(Number) });
    expect(readFileSync(local("a.img"), "utf8")).toBe("two");
  });

  test("may have a path and a directory that begin with a dash: neither becomes an option", async () => {
    const wanted = { insecure: true };
    await get(at("-repository", "//-rf"), { sshkey: server.key }, wanted);
    expect(listing(here.dirs.local)).toEqual(["b.img"]);
    const proof = dir.file("proof");
    for (const path of [
      `/--upload-pack=touch%20${proof}`,
      `/-oProxyCommand=touch%20${proof}`,
      `/';touch%20${proof};'`,
    ]) {
      await refusal(get(`git::ssh://git@127.0.0.1:${server.port}${path}`, { sshkey: server.key }, wanted));
    }
    const refs = ["-v1", "--upload-pack=id"];
    for (const ref of refs) expect(() => here.plan(at("repository"), { options: { ref } })).toThrow("ref: expected");
    for (const host of ["-oProxyCommand=id", "%2doProxyCommand=id"]) {
      expect(() => here.plan(`git::ssh://${host}/r`)).toThrow("dash");
      expect(() => here.plan(`git::ssh://git@${host}/r`)).toThrow("dash");
    }
    expect(() => here.plan(`git::ssh://-oProxyCommand=id@127.0.0.1/r`)).toThrow("user of an ssh:// source");
    expect(existsSync(proof)).toBe(false);
  });
});
