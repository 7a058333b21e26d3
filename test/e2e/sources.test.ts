import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demoImage } from "../../src/guest/demo-image.ts";
import { startAgent } from "../helpers/agent.ts";
import { hexOf } from "../helpers/hash.ts";
import { jobText } from "../helpers/jobs.ts";
import { processesAt } from "../helpers/processes.ts";
import { startRaw } from "../helpers/raw-server.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

/** A directory of the host that the agents of these tests may take from: an image with its checksum in a list, and a repository. */
let host: TempDir;

beforeAll(() => {
  host = tempDir();
  chmodSync(host.path, 0o755);
  const image = demoImage();
  writeFileSync(host.file("demo.img"), image);
  writeFileSync(host.file("SHA256SUMS"), `${hexOf(image)}  demo.img\n`);
  mkdirSync(host.file("repository"));
  writeFileSync(host.file("repository/seed.txt"), "seed");
  const git = ["git", "-C", host.file("repository"), "-c", "user.name=n", "-c", "user.email=a@example.org"];
  for (const args of [
    ["init", "-q"],
    ["add", "."],
    ["commit", "-qm", "c"],
  ]) {
    expect(Bun.spawnSync([...git, ...args]).success).toBe(true);
  }
});
afterAll(async () => await host[Symbol.asyncDispose]());

const ARTIFACTS = () => `
  artifact {
    source = "${host.file("demo.img")}"
    options { checksum = "file:${host.file("SHA256SUMS")}" }
  }
  artifact {
    source      = "git::${host.file("repository")}//seed.txt"
    destination = "local/seed/"
  }`;

test("a machine boots from a file of the host, proved by a list, with a file of a repository beside it", async () => {
  await using agent = await startAgent({ config: `client {\n artifact {\n file_paths = ["${host.path}"]\n }\n }` });
  // git of root's agent is nobody, who has to get to its directory.
  chmodSync(agent.dir, 0o755);
  const job = join(agent.dir, "job.hcl");
  writeFileSync(job, jobText({ image: "local/demo.img", task: ARTIFACTS() }));
  expect(await agent.run(["job", "run", job])).toMatchObject({ code: 0 });
  await until("the guest's banner", async () => (await agent.run(["logs", "demo"])).stdout.includes("DEMO GUEST"));
  const { stdout } = await agent.run(["status", "demo"]);
  expect(stdout).toContain("SHA256SUMS says of demo.img: sha256:");
  expect(readdirSync(join(agent.dirs.dataDir, "git"))).toEqual([]);
});

test("an agent that names no directory gives a job no file of its host", async () => {
  await using agent = await startAgent();
  for (const source of [host.file("demo.img"), `git::${host.file("repository")}`, "/etc/hostname"]) {
    const { code, stderr } = await agent.run(["image", "pull", source]);
    expect(code).toBe(1);
    expect(stderr).toContain("client.artifact.file_paths, which is empty");
    expect(stderr).toContain("hint: add its directory there");
  }
});

test.if(process.getuid?.() === 0)(
  "git of root's agent is refused a data_dir that nobody may pass, with what to do",
  async () => {
    await using agent = await startAgent({ config: `client {\n artifact {\n file_paths = ["${host.path}"]\n }\n }` });
    chmodSync(agent.dir, 0o700);
    const { code, stderr } = await agent.run(["image", "pull", `git::${host.file("repository")}`]);
    expect(code).toBe(1);
    expect(stderr).toContain("Permission denied");
    expect(stderr).toContain("data_dir to pass");
  },
);

test("git does not outlive an agent that was killed, and leaves nothing to the next", async () => {
  await using silent = await startRaw("", true);
  await using agent = await startAgent();
  chmodSync(agent.dir, 0o755);
  const pull = agent.run(["image", "pull", `git::${silent.url}`]);
  const place = join(agent.dirs.dataDir, "git");
  await until("git to ask", () => processesAt(place).some(({ command }) => command.includes("remote-http")));
  await agent.kill();
  await pull;
  await until("git to be gone", () => processesAt(place).length === 0);
  await agent.start();
  await until("its directory to go", () => !readdirSync(agent.dirs.dataDir).includes("git"));
});
