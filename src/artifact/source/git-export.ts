import { fstatSync, realpathSync } from "node:fs";
import { join, normalize } from "node:path";
import { monotonicMillis } from "../../base/clock.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import type { Validator } from "../../cache/source.ts";
import { repositoriesDir } from "../../paths.ts";
import { openTargetFolder } from "../destination.ts";
import type { Downloaded, DownloadOptions } from "../download/download.ts";
import { publishWhole } from "../download/part.ts";
import { patiently } from "../download/patience.ts";
import { createMeter } from "../download/progress.ts";
import { artifactError, diskError } from "../failure.ts";
import type { Folder } from "../folder.ts";
import type { ArtifactPlan } from "../plan.ts";
import { assertRoom, missingRoom } from "../space.ts";
import { proveFile } from "./copy-local.ts";
import type { GitPlan } from "./git-plan.ts";
import { findRepository, type Repository } from "./git-redirect.ts";
import { type Git, openGit, RepositoryMoved } from "./git-run.ts";
import { assertNamed } from "./local-file.ts";

/**
 * Brings the files of one commit as a tar, made by `git archive` of a repository that is fetched for it: nothing is checked out, so no
 * hook, filter or link of the repository's does anything here. Neither history nor submodules come. Blocks on the disk, so it runs in a
 * Worker. Whatever fails leaves nothing.
 * @param plan whose target lies in the cache's `parts`.
 * @param known fetches only if the commit is another one by now than the one with this validator.
 * @returns null when it is not.
 * @throws AppError `fetch`.
 */
export async function exportRepository(
  plan: ArtifactPlan,
  options: DownloadOptions,
  known: Validator | null = null,
): Promise<Downloaded | null> {
  const started = monotonicMillis();
  const { via } = plan;
  if (via.kind !== "git") throw new AppError("internal", `${plan.source} is no git repository`);
  const cancelled = (): AppError => artifactError(plan.source, "cancelled");
  const folder = openTargetFolder(plan);
  try {
    const got = await patiently(options, cancelled, () => exportOnce(plan, via, folder, options, known));
    if (got === null) return null;
    const { path } = plan.target;
    return { path, skipped: false, resumed: 0, millis: monotonicMillis() - started, ...got };
  } catch (error) {
    if (options.signal.aborted) throw cancelled();
    throw error instanceof AppError ? error : diskError(plan.source, plan.target.path, "write", error);
  } finally {
    folder.close();
  }
}

type Exported = Pick<Downloaded, "bytes" | "checksum" | "validator">;

async function exportOnce(
  plan: ArtifactPlan,
  wanted: GitPlan,
  folder: Folder,
  options: DownloadOptions,
  known: Validator | null,
): Promise<Exported | null> {
  const { signal, stallMillis } = options;
  if (known !== null && wanted.ref !== null && known.value === validatorOf(wanted.ref).value) return null;
  const repository = { address: settleAddress(plan, wanted), login: wanted.login };
  const exportFrom = ({ address, login }: Repository) =>
    exportAt(plan, { ...wanted, login }, address, folder, options, known);
  try {
    return await exportFrom(repository);
  } catch (error) {
    if (!(error instanceof RepositoryMoved)) throw error;
    return await exportFrom(await findRepository(plan, repository, signal, stallMillis));
  }
}

async function exportAt(
  plan: ArtifactPlan,
  wanted: GitPlan,
  address: URL,
  folder: Folder,
  options: DownloadOptions,
  known: Validator | null,
): Promise<Exported | null> {
  const { signal, stallMillis } = options;
  const meter = createMeter(null, options.onProgress);
  let told = 0;
  const onGrowth = (bytes: number): void => {
    if (bytes > told) meter.add(bytes - told);
    told = Math.max(told, bytes);
    assertSpace(plan, folder, options);
  };
  const dir = join(repositoriesDir(plan.target.root), plan.target.fileName);
  const git = await openGit(plan, wanted, address, { dir, signal, stallMillis, onGrowth });
  try {
    await git.run(["init", "--quiet", "--bare", `--template=${join(dir, "template")}`, "repository"]);
    const found =
      wanted.ref !== null && isCommit(wanted.ref) ? wanted.ref : await findCommit(git, plan, address, wanted);
    if (known !== null && known.value === validatorOf(found ?? "").value) return null;
    const commit = await fetchCommit(git, plan, address, wanted, found);
    return await writeTar(git, plan, folder, commit, options);
  } finally {
    git.close();
  }
}

const isCommit = (ref: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);

/** Only the whole name of a commit proves that nothing has changed. */
const validatorOf = (commit: string): Validator => ({ kind: "etag", value: `"git-${commit}"` });

function settleAddress(plan: ArtifactPlan, { roots, agentDirs }: GitPlan): URL {
  const url = new URL(plan.url);
  if (url.protocol !== "file:") return url;
  const path = decodeURIComponent(url.pathname);
  let real = path;
  try {
    real = realpathSync(path);
  } catch (error) {
    // Whether there is something where nobody may look is not said.
    assertNamed(plan, normalize(path), { roots, agentDirs }, path);
    throw artifactError(plan.source, `cannot be opened: ${errnoOf(error) ?? "unknown error"}`, undefined, error);
  }
  assertNamed(plan, real, { roots, agentDirs }, path);
  url.pathname = encodeURI(real).replace(/[?#]/g, encodeURIComponent);
  return url;
}

/** The commit that a server has under a name: git's own order, tags before branches. @returns undefined when it has none such. */
async function findCommit(git: Git, plan: ArtifactPlan, address: URL, { ref }: GitPlan): Promise<string | undefined> {
  const names = ref === null ? ["HEAD"] : [`refs/tags/${ref}^{}`, `refs/tags/${ref}`, `refs/heads/${ref}`];
  const text = await git.run(["ls-remote", "--quiet", "--", address.href, ...names]);
  const lines = text.split("\n").map((line) => line.split("\t"));
  const commit = names.map((name) => lines.find(([, found]) => found === name)?.[0]).find((hex) => hex !== undefined);
  if (commit !== undefined && !isCommit(commit)) throw artifactError(plan.source, "git's answer names no commit");
  if (commit === undefined && ref === null) throw artifactError(plan.source, "the repository is empty");
  return commit;
}

/** @param found the commit, when the server has a name for it. @returns the commit that is there now. */
async function fetchCommit(
  git: Git,
  plan: ArtifactPlan,
  address: URL,
  { ref }: GitPlan,
  found: string | undefined,
): Promise<string> {
  const fetch = [
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-auto-gc",
    "--no-recurse-submodules",
    "--no-write-commit-graph",
  ] as const;
  if (found !== undefined) {
    const one = [...fetch, "--depth=1", "--", address.href, found] as const;
    // A server may refuse what is not the end of a branch.
    if ((await git.ask(one)) !== undefined) return await resolveCommit(git, plan, found);
  }
  await git.run([...fetch, "--", address.href, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
  return await resolveCommit(git, plan, found ?? ref ?? "HEAD");
}

async function resolveCommit(git: Git, plan: ArtifactPlan, name: string): Promise<string> {
  const commit = (await git.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]))?.trim();
  if (commit !== undefined && isCommit(commit)) return commit;
  throw artifactError(plan.source, `no branch, tag or commit ${JSON.stringify(name)}`, "check ref in options");
}

async function writeTar(
  git: Git,
  plan: ArtifactPlan,
  folder: Folder,
  commit: string,
  { signal, onProgress }: DownloadOptions,
): Promise<Exported> {
  return await publishWhole(folder, plan.target.fileName, signal, async (to) => {
    await git.run(["archive", "--format=tar", commit], to);
    const bytes = fstatSync(to).size;
    return { bytes, checksum: await proveFile(plan, to, bytes, signal, onProgress), validator: validatorOf(commit) };
  });
}

function assertSpace(plan: ArtifactPlan, folder: Folder, { makeRoom }: DownloadOptions): void {
  const missing = missingRoom(folder, 0, 0);
  if (missing > 0) makeRoom?.(missing);
  assertRoom(plan, folder, 0, null);
}
