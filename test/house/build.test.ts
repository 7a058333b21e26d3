import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { binaryFile, buildTargets, describeCommit, ENTRIES, hostTarget, TARGETS } from "../../build.ts";
import { runProgram } from "../helpers/run.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";

/** Says what the build wrote into it and what a Worker answers. */
const MAIN = `
declare const PADDOCK_COMPILED: boolean;
declare const PADDOCK_VERSION: string;
declare const PADDOCK_COMMIT: string;
const worker = new Worker("./artifact/worker.ts");
worker.onmessage = (event) => {
  console.log(JSON.stringify({ compiled: PADDOCK_COMPILED, version: PADDOCK_VERSION, commit: PADDOCK_COMMIT,
    worker: event.data, dotenv: process.env["FROM_DOTENV"] ?? null }));
  worker.terminate();
};
worker.postMessage("ping");
`;
const WORKER = `self.onmessage = (event: MessageEvent) => postMessage(event.data + " pong");`;

function writeProject(
  dir: TempDir,
  main = MAIN,
): { sourceRoot: string; outDir: string; version: string; commit: string } {
  for (const entry of ENTRIES) {
    mkdirSync(dirname(dir.file("src", entry)), { recursive: true });
    writeFileSync(dir.file("src", entry), entry === "main.ts" ? main : WORKER);
  }
  return { sourceRoot: dir.file("src"), outDir: dir.file("dist"), version: "1.2.3", commit: "abc" };
}

function requireHost(): (typeof TARGETS)[number] {
  const host = hostTarget();
  if (host === undefined) throw new Error("this machine is not among the targets");
  return host;
}

test("a built binary carries its version and its Worker, needs no source, and does not run what lies in its working directory", async () => {
  await using dir = tempDir();
  const options = writeProject(dir);
  const host = requireHost();
  expect(await buildTargets([host], { ...options, ownRuntimeWhenOffline: true })).toEqual([]);
  rmSync(options.sourceRoot, { recursive: true });

  const hostile = dir.file("hostile");
  mkdirSync(hostile);
  writeFileSync(join(hostile, ".env"), "FROM_DOTENV=read\n");
  writeFileSync(join(hostile, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(hostile, "preload.ts"), 'console.log("preloaded");\n');
  const { code, stdout } = await runProgram([binaryFile(options.outDir, host)], { cwd: hostile });
  expect(JSON.parse(stdout)).toEqual({
    compiled: true,
    version: "1.2.3",
    commit: "abc",
    worker: "ping pong",
    dotenv: null,
  });
  expect(code).toBe(0);

  const digest = createHash("sha256")
    .update(readFileSync(binaryFile(options.outDir, host)))
    .digest("hex");
  expect(readFileSync(join(options.outDir, "SHA256SUMS"), "utf8")).toBe(`${digest}  paddock-${host.name}\n`);
  expect((await runProgram(["sha256sum", "-c", "SHA256SUMS"], { cwd: options.outDir })).code).toBe(0);
  expect(readdirSync(options.outDir).sort()).toEqual(["SHA256SUMS", `paddock-${host.name}`]);
}, 60_000);

test("a target whose runtime cannot be fetched is named, leaves nothing in its place, and the build goes on to the next", async () => {
  await using dir = tempDir();
  const options = writeProject(dir);
  mkdirSync(options.outDir);
  writeFileSync(binaryFile(options.outDir, TARGETS[1]), "of an earlier build");
  const script = `
    import { buildTargets, TARGETS } from ${JSON.stringify(join(import.meta.dirname, "..", "..", "build.ts"))};
    console.log(JSON.stringify(await buildTargets([TARGETS[1], TARGETS[4]], ${JSON.stringify(options)})));`;
  writeFileSync(dir.file("build-it.ts"), script);
  // An empty cache and a proxy that nobody serves: nothing can be fetched.
  const env = { BUN_INSTALL_CACHE_DIR: dir.file("cache"), HTTPS_PROXY: "http://127.0.0.1:1" };
  const { stdout } = await runProgram([process.execPath, dir.file("build-it.ts")], { env, deadline: 60_000 });
  const failures = JSON.parse(stdout) as string[];
  expect(failures.map((failure) => failure.slice(0, failure.indexOf(",")))).toHaveLength(2);
  expect(failures[0]).toStartWith("linux-arm64: the runtime could not be fetched from the npm registry: ");
  expect(failures[1]).toStartWith("darwin-arm64: the runtime could not be fetched from the npm registry: ");
  expect(existsSync(binaryFile(options.outDir, TARGETS[1]))).toBe(false);
  expect(readFileSync(join(options.outDir, "SHA256SUMS"), "utf8")).toBe("");
}, 60_000);

test("a source that does not build says what is wrong with it", async () => {
  await using dir = tempDir();
  const options = writeProject(dir, 'import { x } from "./missing.ts";\nconsole.log(x);\n');
  const host = requireHost();
  const failures = await buildTargets([host], { ...options, ownRuntimeWhenOffline: true });
  expect(failures).toHaveLength(1);
  expect(failures[0]).toStartWith(`${host.name}: `);
  expect(failures[0]).toContain("./missing.ts");
}, 60_000);

test("the targets are the five that the project ships, the x86 ones for old processors", () => {
  expect(TARGETS.map(({ name }) => name)).toEqual([
    "linux-x64",
    "linux-arm64",
    "linux-x64-musl",
    "linux-arm64-musl",
    "darwin-arm64",
  ]);
  const x86 = TARGETS.filter(({ name }) => name.includes("x64"));
  expect(x86.every(({ runtime }) => runtime.includes("baseline"))).toBe(true);
});

test("a commit is named with -dirty when a tracked file differs, and is unknown outside a repository", async () => {
  await using dir = tempDir();
  const git = async (...args: string[]) => {
    const result = await runProgram(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      cwd: dir.path,
    });
    expect(result.code).toBe(0);
  };
  expect(describeCommit(dir.path)).toBe("unknown");
  writeFileSync(dir.file("file"), "one");
  await git("init", "-q");
  await git("add", "file");
  await git("commit", "-q", "-m", "first");
  writeFileSync(dir.file("untracked"), "");
  expect(describeCommit(dir.path)).toMatch(/^[0-9a-f]{12}$/);
  writeFileSync(dir.file("file"), "two");
  expect(describeCommit(dir.path)).toMatch(/^[0-9a-f]{12}-dirty$/);
});
