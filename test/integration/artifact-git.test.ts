import { beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { DownloadOptions } from "../../src/artifact/download/download.ts";
import { cachePlaces, repositoriesDir } from "../../src/paths.ts";
import { artifactBench, fetchHere, type Wanted } from "../helpers/artifact.ts";
import { startGitServer } from "../helpers/git-server.ts";
import { freePort } from "../helpers/ports.ts";
import { processesAt } from "../helpers/processes.ts";
import { refusal } from "../helpers/refusal.ts";
import { tempForAll } from "../helpers/temp-per-test.ts";
import { listing } from "../helpers/unpacking.ts";
import { until } from "../helpers/until.ts";

const here = artifactBench();
const dir = tempForAll();
/** What is fetched from, which no test changes. */
let repository: string;
let first: string;
let second: string;

function git(cwd: string, ...args: string[]): string {
  const who = ["-c", "user.name=n", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"];
  const { stdout, stderr, success } = Bun.spawnSync(["git", ...who, ...args], { cwd });
  if (!success) throw new Error(stderr.toString());
  return stdout.toString().trim();
}

function commit(cwd: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(cwd, name, ".."), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  git(cwd, "add", "-A");
  git(cwd, "commit", "-qm", "c");
  return git(cwd, "rev-parse", "HEAD");
}

beforeAll(() => {
  chmodSync(dir.path, 0o755);
  repository = dir.file("repository");
  mkdirSync(repository);
  git(repository, "init", "-q", "-b", "main");
  first = commit(repository, {
    "a.img": "one",
    "images/b.img": "b",
    ".gitattributes": "a.img export-ignore\n*.txt export-subst\n",
  });
  git(repository, "tag", "-a", "v1", "-m", "v1");
  git(repository, "branch", "old");
  second = commit(repository, { "a.img": "two", "id.txt": "$Format:%H$", run: "#!/bin/sh\n" });
  git(repository, "update-index", "--chmod=+x", "run");
  git(repository, "commit", "-qm", "mode");
  second = git(repository, "rev-parse", "HEAD");
});

const local = (...names: string[]): string => join(here.dirs.local, ...names);

function get(source: string, wanted: Wanted = {}, options: Partial<DownloadOptions> = {}) {
  // The user that git runs as has to get to its directory.
  chmodSync(here.dir.path, 0o755);
  const rules = { filePaths: [dir.path], ...wanted.rules };
  return fetchHere(here.plan(source, { ...wanted, rules }), here.cache, options);
}

/** What git and the download left. */
const left = (): string[] => [
  ...(existsSync(repositoriesDir(here.cache)) ? readdirSync(repositoriesDir(here.cache)) : []),
  ...readdirSync(cachePlaces(here.cache).parts).filter((name) => !name.endsWith(".pin")),
];

describe("a repository", () => {
  test("brings the files of its default branch, all of them and as they are", async () => {
    const got = await get(`git::file://${repository}`);
    expect(got.cached).toBe(false);
    expect(listing(here.dirs.local)).toEqual([".gitattributes", "a.img", "id.txt", "images", "images/b.img", "run"]);
    expect(readFileSync(local("a.img"), "utf8")).toBe("two");
    expect(readFileSync(local("id.txt"), "utf8")).toBe("$Format:%H$");
    expect(left()).toEqual([]);
  });

  test.each([
    ["a tag", () => "v1", "one"],
    ["a branch", () => "old", "one"],
    ["a commit", () => first, "one"],
    ["the beginning of a commit's name", () => first.slice(0, 9), "one"],
    ["the newest commit", () => second, "two"],
    ["HEAD", () => "HEAD", "two"],
    ["a branch by its whole name", () => "refs/heads/old", "one"],
  ])("brings those of %s", async (_, ref, text) => {
    await get(`git::${repository}?ref=${ref()}&depth=1`);
    expect(readFileSync(local("a.img"), "utf8")).toBe(text);
  });

  test("comes whatever the agent's umask is, by the user that git runs as", async () => {
    const umask = process.umask(0o077);
    try {
      await get(`git::file://${repository}`);
    } finally {
      process.umask(umask);
    }
    expect(readFileSync(local("a.img"), "utf8")).toBe("two");
  });

  test("brings one directory", async () => {
    await get(`git::file://${repository}//images`);
    expect(listing(here.dirs.local)).toEqual(["b.img"]);
  });

  test("brings one file by either way to name it", async () => {
    await get(`git::file://${repository}//a.img?ref=v1`, { mode: "file", destination: "local/x/one.img" });
    await get(`git::file://${repository}/a.img`, { mode: "file", destination: "local/x/two.img" });
    expect(readFileSync(local("x", "one.img"), "utf8")).toBe("one");
    expect(readFileSync(local("x", "two.img"), "utf8")).toBe("two");
  });

  test("may be a directory of the configuration itself", async () => {
    await get(`git::${repository}//a.img`, { rules: { filePaths: [repository] } });
    expect(readFileSync(local("a.img"), "utf8")).toBe("two");
  });

  test("is fetched anew only when it has another commit", async () => {
    const mine = dir.file("mine");
    git(dir.path, "clone", "-q", repository, mine);
    await get(`git::${mine}`);
    expect((await get(`git::${mine}`)).cached).toBe(true);
    commit(mine, { "a.img": "three" });
    const destination = "local/again/";
    expect((await get(`git::${mine}`, { destination })).cached).toBe(false);
    expect(readFileSync(local("again", "a.img"), "utf8")).toBe("three");
    rmSync(mine, { recursive: true });
  });

  test("is not even asked for a commit that was fetched before", async () => {
    const pinned = `git::${repository}?ref=${first}`;
    await get(pinned, { destination: "local/pinned/" });
    expect((await get(pinned, { destination: "local/pinned/" })).cached).toBe(true);
  });
});

describe("a repository of a server", () => {
  const tls = {
    key: readFileSync(join(import.meta.dirname, "artifact", "localhost.key"), "utf8"),
    cert: readFileSync(join(import.meta.dirname, "artifact", "localhost.crt"), "utf8"),
  };

  test("comes by https, with a private authority and the job's own login, or that of the netrc file", async () => {
    await using server = startGitServer(dir.path, { tls, login: "me:p%w" });
    const ca = { tls: { ca: tls.cert, cert: null, key: null } };
    const source = `git::https://127.0.0.1:${server.port}/repository?ref=v1`;
    await get(source.replace("//1", "//me:p%25w@1"), { rules: ca });
    expect(readFileSync(local("a.img"), "utf8")).toBe("one");
    const netrc = "machine 127.0.0.1 login me password p%w";
    await get(source, { rules: { ...ca, netrc }, destination: "local/netrc/" });
    expect(readFileSync(local("netrc", "a.img"), "utf8")).toBe("one");
    await get(source, { rules: { netrc }, insecure: true, destination: "local/insecure/" });
    expect((await refusal(get(source, { rules: ca }))).hint).toContain("give credentials");
    expect((await refusal(get(source, { rules: { netrc } }))).message).toContain("certificate");
  });
});

describe("a hostile repository", () => {
  test("runs no hook, no filter and no program of its submodules", async () => {
    const evil = dir.file("evil");
    const proof = dir.file("proof");
    git(dir.path, "clone", "-q", repository, evil);
    const script = `#!/bin/sh\ntouch ${proof}\n`;
    for (const hook of ["post-checkout", "pre-receive", "reference-transaction", "post-index-change"]) {
      writeFileSync(join(evil, ".git", "hooks", hook), script, { mode: 0o755 });
    }
    commit(evil, {
      ".gitattributes": "* filter=evil diff=evil\n",
      ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% ${proof}\n\tupdate = !touch ${proof}\n`,
      ".lfsconfig": `[lfs]\n\turl = http://127.0.0.1:1/\n`,
    });
    git(evil, "config", "filter.evil.smudge", `touch ${proof}`);
    git(evil, "config", "uploadpack.packObjectsHook", `touch ${proof}`);
    rmSync(proof, { force: true });
    await get(`git::${evil}`);
    expect(existsSync(proof)).toBe(false);
  });

  test("has its links refused that lead out, and leaves nothing", async () => {
    const evil = dir.file("links");
    git(dir.path, "clone", "-q", repository, evil);
    Bun.spawnSync(["ln", "-s", "a.img", join(evil, "fine")]);
    commit(evil, {});
    await get(`git::${evil}`, { destination: "local/fine/" });
    expect(readlinkSync(local("fine", "fine"))).toBe("a.img");
    Bun.spawnSync(["ln", "-s", "/etc", join(evil, "etc")]);
    commit(evil, {});
    const error = await refusal(get(`git::${evil}`, { destination: "local/evil/" }));
    expect(error.message).toContain('"etc"');
    expect(existsSync(local("evil", "a.img"))).toBe(false);
  });
});

describe("refused, with nothing left behind, is", () => {
  async function expectRefusal(source: string, message: string, wanted: Wanted = {}, options = {}) {
    const error = await refusal(get(source, wanted, options));
    expect(error.message).toContain(message);
    expect(error.code).toBe("fetch");
    expect(readdirSync(here.dirs.local)).toEqual([]);
    expect(left()).toEqual([]);
    return error;
  }

  test("a repository of the host that the configuration does not name", async () => {
    await expectRefusal(`git::${repository}`, "file_paths, which is empty", { rules: { filePaths: [] } });
    await expectRefusal("git::file:///etc", "/etc is not in a directory of");
    Bun.spawnSync(["ln", "-sfn", "/etc", dir.file("etc")]);
    await expectRefusal(`git::${dir.file("etc")}`, "is not in a directory of");
    await expectRefusal(`git::file://${dir.path}/x%2f..%2f..%2f..%2fnothing`, "is not in a directory of");
    await expectRefusal(`git::${repository}`, "the agent's own", { rules: { agentDirs: [dir.path] } });
  });

  test("what is not there", async () => {
    await expectRefusal(`git::${repository}?ref=nothing`, 'no branch, tag or commit "nothing"');
    await expectRefusal(`git::${repository}?ref=${"0".repeat(40)}`, "no branch, tag or commit");
    await expectRefusal(`git::${dir.file("nothing")}`, "ENOENT");
    await expectRefusal(`git::${repository}//nothing`, "is not in it");
    mkdirSync(dir.file("empty"), { recursive: true });
    await expectRefusal(`git::${dir.file("empty")}`, "git ls-remote");
  });

  test("a server that asks for a password, with what to do and without a prompt", async () => {
    here.origin.set("/r/info/refs?service=git-upload-pack", {
      kind: "raw",
      status: 401,
      headers: { "www-authenticate": "Basic realm=x" },
      body: Buffer.from("no"),
    });
    const url = here.origin.url("/r").replace("//", "//me:s3cret@");
    const error = await expectRefusal(`git::${url}`, "git ls-remote");
    expect(error.message + error.hint).not.toContain("s3cret");
    expect(error.hint).toContain("give credentials");
    const basic = Buffer.from("me:s3cret").toString("base64");
    expect(here.origin.requests.map(({ headers }) => headers["authorization"])).toContain(`Basic ${basic}`);
  });

  test("an ssh server that does not answer, in ssh's own words", async () => {
    const port = await freePort();
    const source = `git::ssh://git@127.0.0.1:${port}/r`;
    await expectRefusal(source, `ssh: connect to host 127.0.0.1 port ${port}: Connection refused`);
  });

  test("a server that stalls, and git goes with all that it started when the task does", async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    try {
      const source = `git::http://127.0.0.1:${port}/r`;
      await expectRefusal(source, "git brought nothing for", {}, { stallMillis: 300 });
      const controller = new AbortController();
      const getting = refusal(get(source, {}, { signal: controller.signal }));
      const mine = () => processesAt(repositoriesDir(here.cache));
      await until("git to run", () => mine().some(({ command }) => command.includes("git")));
      controller.abort();
      expect((await getting).message).toContain("cancelled");
      await until("git to be gone", () => mine().length === 0);
      expect(left()).toEqual([]);
    } finally {
      silent.close();
    }
  });

  test.each([
    ["git::https://h/r?ref=--upload-pack=id", "ref: expected a branch"],
    ["git::https://h/r?ref=a..b", "ref: expected a branch"],
    ["git::https://h/r?ref=HEAD~1", "ref: expected a branch"],
    ["git::https://h/r?depth=-1", "depth: expected a whole number"],
    ["git::https://h/r?upload-pack=id", 'option "upload-pack" means nothing'],
    ["git::https://h/r?checksum=md5:00", "a repository has no checksum"],
    ["git::https://h/r?archive=zip", "archive means nothing"],
    ["git::https://h/r?sshkey=AAAA", "sshkey means nothing to https"],
    ["git::ssh://git@h/r?sshkey=AAAA", "expected a private key"],
    ["git::ssh://me:s3cret@h/r", "ssh takes no password"],
    ["git::ssh://-oProxyCommand=id/r", "begins with no dash"],
    ["git::ssh://git@%2doProxyCommand=id/r", "dash"],
    ["git::file://h/r", "an address without a host"],
    ["git::https://h/r//../x", "leads out"],
  ])("%s at plan time", (source, message) => {
    const planned = (): string => {
      try {
        here.plan(source);
        return "accepted";
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };
    expect(planned()).toContain(message);
    expect(planned()).not.toContain("s3cret");
  });
});
