import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** What is built: the name behind `paddock-`, and the runtime in it. Baseline runtimes also run on processors without AVX2. */
export const TARGETS = [
  { name: "linux-x64", runtime: "bun-linux-x64-baseline" },
  { name: "linux-arm64", runtime: "bun-linux-arm64" },
  { name: "linux-x64-musl", runtime: "bun-linux-x64-baseline-musl" },
  { name: "linux-arm64-musl", runtime: "bun-linux-arm64-musl" },
  { name: "darwin-arm64", runtime: "bun-darwin-arm64" },
] as const satisfies readonly { name: string; runtime: Bun.Build.CompileTarget }[];

export type Target = (typeof TARGETS)[number];

/** The entry points below the source root; a Worker in the binary is found by its path relative to that root. */
export const ENTRIES = [
  "main.ts",
  "artifact/worker.ts",
  "base/remove-worker.ts",
  "cache/verify-worker.ts",
  "image/copy-worker.ts",
];

export interface BuildOptions {
  readonly sourceRoot: string;
  /** Where the binaries and `SHA256SUMS` go. */
  readonly outDir: string;
  readonly version: string;
  readonly commit: string;
  /** Takes the runtime of the bun that builds where the target's own cannot be fetched. For a target that is this machine only. */
  readonly ownRuntimeWhenOffline?: boolean;
}

/** The target that runs on this machine, or undefined when there is none. */
export function hostTarget(): Target | undefined {
  // Only glibc knows its version by this name.
  const musl = process.platform === "linux" && spawnSync("getconf", ["GNU_LIBC_VERSION"]).status !== 0;
  const name = `${process.platform}-${process.arch}${musl ? "-musl" : ""}`;
  return TARGETS.find((target) => target.name === name);
}

/** Where the finished executable of a target is. */
export function binaryFile(outDir: string, target: Target): string {
  return join(outDir, `paddock-${target.name}`);
}

/**
 * Builds each target, going on after one that fails, and writes `SHA256SUMS` over those that were built.
 * @returns the failures, each with a message that names its target.
 */
export async function buildTargets(targets: readonly Target[], options: BuildOptions): Promise<string[]> {
  mkdirSync(options.outDir, { recursive: true });
  const failures: string[] = [];
  const sums: string[] = [];
  for (const target of targets) {
    const failure = await buildTarget(target, options);
    if (failure === undefined) {
      const file = binaryFile(options.outDir, target);
      sums.push(`${await sha256(file)}  paddock-${target.name}\n`);
      console.log(`built ${file} (${(statSync(file).size / 1e6).toFixed(0)} MB)`);
    } else {
      // An older binary in its place would be tested or shipped for this one.
      rmSync(binaryFile(options.outDir, target), { force: true });
      failures.push(`${target.name}: ${failure}`);
    }
  }
  writeFileSync(join(options.outDir, "SHA256SUMS"), sums.join(""));
  return failures;
}

async function buildTarget(target: Target, options: BuildOptions): Promise<string | undefined> {
  // Made beside its place and renamed: a binary that is running cannot be overwritten, and two builds do not mix.
  const scratch = mkdtempSync(join(options.outDir, ".build-"));
  try {
    const part = join(scratch, "paddock");
    let failure = await compile(target, part, options);
    if (failure !== undefined && isDownloadFailure(failure)) {
      if (!options.ownRuntimeWhenOffline) return `the runtime could not be fetched from the npm registry: ${failure}`;
      console.warn(
        `${target.name}: ${failure}; built with the runtime of ${process.execPath}, which wants a newer processor`,
      );
      failure = await compile(target, part, options, process.execPath);
    }
    if (failure !== undefined) return failure;
    renameSync(part, binaryFile(options.outDir, target));
    return undefined;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function isDownloadFailure(failure: string): boolean {
  return /download/i.test(failure);
}

async function compile(
  target: Target,
  outfile: string,
  options: BuildOptions,
  executablePath?: string,
): Promise<string | undefined> {
  const result = await Bun.build({
    entrypoints: ENTRIES.map((entry) => join(options.sourceRoot, entry)),
    root: options.sourceRoot,
    target: "bun",
    format: "esm",
    minify: true,
    splitting: true,
    bytecode: true,
    define: {
      PADDOCK_COMPILED: "true",
      PADDOCK_VERSION: JSON.stringify(options.version),
      PADDOCK_COMMIT: JSON.stringify(options.commit),
    },
    compile: {
      target: target.runtime,
      outfile,
      ...(executablePath === undefined ? {} : { executablePath }),
      // What lies in the user's working directory is not ours to run or to read.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    throw: false,
  });
  if (result.success && existsSync(outfile)) return undefined;
  return result.logs.map(String).join("\n") || "bun said no reason";
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** The commit of a checkout, `-dirty` behind it when tracked files differ, or `unknown` where there is no git or no repository. */
export function describeCommit(directory: string): string {
  const git = (...args: string[]) =>
    // The checkout may belong to another user than the one who builds, as in a container.
    spawnSync("git", ["-c", "safe.directory=*", ...args], { cwd: directory, encoding: "utf8" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.status !== 0) return "unknown";
  const status = git("status", "--porcelain", "--untracked-files=no");
  return `${head.stdout.trim()}${status.status === 0 && status.stdout !== "" ? "-dirty" : ""}`;
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.find((arg) => arg !== "--host");
  if (unknown !== undefined) {
    console.error(`unknown argument ${unknown}; usage: bun build.ts [--host]`);
    return 2;
  }
  const hostOnly = args.includes("--host");
  const host = hostTarget();
  if (hostOnly && host === undefined) {
    console.error(
      `there is no paddock for ${process.platform}-${process.arch}; there is: ${TARGETS.map((t) => t.name).join(", ")}`,
    );
    return 1;
  }
  const home = import.meta.dirname;
  const failures = await buildTargets(hostOnly && host !== undefined ? [host] : TARGETS, {
    sourceRoot: join(home, "src"),
    outDir: join(home, "dist"),
    version: (JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as { version: string }).version,
    commit: describeCommit(home),
    ownRuntimeWhenOffline: hostOnly,
  });
  for (const failure of failures) console.error(`not built: ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
