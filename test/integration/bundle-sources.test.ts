import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { taskDirs } from "../../src/paths.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";

import { runInProcess } from "../helpers/cli.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { startGitServer } from "../helpers/git-server.ts";
import { checksumOf } from "../helpers/hash.ts";
import { demoJob, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { jobText } from "../helpers/jobs.ts";
import { hasS3Server, S3_KEY, startS3 } from "../helpers/s3.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { listing } from "../helpers/unpacking.ts";

setDefaultTimeout(60_000);

const DISK = demoDisk();
const CERT = join(import.meta.dirname, "artifact", "localhost.crt");
const tls = { cert: readFileSync(CERT, "utf8"), key: readFileSync(CERT.replace(/crt$/, "key"), "utf8") };
const site = { offline: true, trustedKeys: null };
const bed = agentPerTest({ site });

/** What the git servers serve: one repository with a disk, a directory, a link and a tag. */
let repositories: TempDir;
let commit: string;

function git(...args: string[]): string {
  const who = ["-c", "user.name=n", "-c", "user.email=a@example.org"];
  const { stdout, stderr, success } = Bun.spawnSync(["git", "-C", repositories.file("site"), ...who, ...args]);
  if (!success) throw new Error(stderr.toString());
  return stdout.toString().trim();
}

beforeAll(() => {
  repositories = tempDir();
  mkdirSync(repositories.file("site", "seed", "deep"), { recursive: true });
  writeFileSync(repositories.file("site", "disk.img"), DISK);
  writeFileSync(repositories.file("site", "seed", "user-data"), "seed one\n");
  writeFileSync(repositories.file("site", "seed", "deep", "run"), "#!/bin/sh\n", { mode: 0o755 });
  git("init", "-q", "-b", "main");
  git("add", "-A");
  git("commit", "-qm", "one");
  git("tag", "v1");
  commit = git("rev-parse", "HEAD");
  writeFileSync(repositories.file("site", "seed", "user-data"), "seed two\n");
  git("commit", "-qam", "two");
});
afterAll(async () => await repositories[Symbol.asyncDispose]());

/** Bundles a job on a laptop with its user's own credentials, and loads it on the agent, which has none. */
async function bring(image: string, task: string, env: Readonly<Record<string, string>>): Promise<void> {
  writeFileSync(bed.dir.file("demo.hcl"), jobText({ image, task }));
  const args = ["image", "bundle", "-ca-file", CERT, "-o", bed.dir.file("site.tar"), bed.dir.file("demo.hcl")];
  const made = await runInProcess(args, { env: { HOME: bed.dir.path, ...env } });
  expect(made).toMatchObject({ code: 0 });
  const job = demoJob(image, { task });
  expect(bed.agent.validateJob(job).uncached.length).toBeGreaterThan(0);
  const id = bed.agent.bundles.open({ trustedKeys: [], allowUnsigned: true });
  await bed.agent.bundles.feed(id, 0, readFileSync(bed.dir.file("site.tar")));
  await bed.agent.bundles.finish(id);
}

/** @returns the task's directory `local`. */
async function run(image: string, task: string): Promise<string> {
  const job = demoJob(image, { task });
  expect(bed.agent.validateJob(job).uncached).toEqual([]);
  await bed.agent.registerJob(job, null, {});
  await machineOf(bed.agent, "running");
  return taskDirs(bed.dirs, idOf(bed.agent), "vm").local;
}

describe("a bundle brings to a host without a network what a laptop got", () => {
  test("from repositories of an https server with a login and a private authority, and of an http server", async () => {
    const server = startGitServer(repositories.path, { tls, login: "me:s3cret" });
    const plain = startGitServer(repositories.path);
    const at = `git::https://127.0.0.1:${server.port}/site`;
    const task = [
      `artifact {\n source = "${at}//disk.img?ref=v1"\n }`,
      `artifact {\n source = "${at}//seed"\n destination = "local/newest/"\n }`,
      `artifact {\n source = "git::http://127.0.0.1:${plain.port}/site//seed"\n destination = "local/first/"\n options {\n ref = "${commit}"\n }\n }`,
    ].join("\n");
    try {
      writeFileSync(bed.dir.file(".netrc"), "machine 127.0.0.1 login me password s3cret\n");
      await bring("local/disk.img", task, {});
      expect(readdirSync(bed.dir.file(".cache", "paddock", "git"))).toEqual([]);
    } finally {
      await server[Symbol.asyncDispose]();
      await plain[Symbol.asyncDispose]();
    }
    const local = await run("local/disk.img", task);
    expect(listing(join(local, "newest"))).toEqual(["deep", "deep/run", "user-data"]);
    expect(readFileSync(join(local, "newest", "user-data"), "utf8")).toBe("seed two\n");
    expect(readFileSync(join(local, "first", "user-data"), "utf8")).toBe("seed one\n");
    expect(readFileSync(bed.dir.file("site.tar")).includes("s3cret")).toBe(false);
  });

  test.skipIf(!hasS3Server())(
    "from an S3 server, by the keys of the laptop's environment and of the job, with and without a checksum (skipped where npm cannot install one)",
    async () => {
      const packed = gzipSync("seed of S3");
      const keys = `aws_access_key_id = "${S3_KEY.id}"\n aws_access_key_secret = "${S3_KEY.secret}"`;
      const server = await startS3();
      const at = `s3::http://127.0.0.1:${server.port}/images`;
      const task = [
        `artifact {\n source = "${at}/disk.img"\n options {\n checksum = "${checksumOf(DISK)}"\n }\n }`,
        `artifact {\n source = "${at}/seed.txt.gz"\n }`,
        `artifact {\n source = "${at}/seed.txt.gz"\n destination = "local/own/"\n options {\n ${keys}\n }\n }`,
      ].join("\n");
      try {
        await server.put("disk.img", DISK);
        await server.put("seed.txt.gz", packed);
        await bring("local/disk.img", task, {
          AWS_ACCESS_KEY_ID: S3_KEY.id,
          AWS_SECRET_ACCESS_KEY: S3_KEY.secret,
        });
      } finally {
        await server[Symbol.asyncDispose]();
      }
      const local = await run("local/disk.img", task);
      expect(readFileSync(join(local, "seed.txt"), "utf8")).toBe("seed of S3");
      expect(readFileSync(join(local, "own", "seed.txt"), "utf8")).toBe("seed of S3");
    },
  );
});
