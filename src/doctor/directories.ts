import { accessSync, constants, lstatSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { shellWord } from "../base/text.ts";
import { formatBytes } from "../base/units.ts";
import type { Finding } from "../cli/text/finding.ts";
import { type AgentDirs, allocsDir, cacheDir } from "../paths.ts";

/** Less free space than this stops the agent from keeping what happens; less than the other is worth a word. */
const NO_SPACE = 100 << 20;
const LITTLE_SPACE = 1 << 30;

const WRITABLE_BY_ALL = 0o002;

/** Whether an agent of this user could work in its directories, those that are not there yet included. */
export function examineDirectories(dirs: AgentDirs, uid: number): readonly Finding[] {
  return [
    examineDirectory("data_dir", dirs.dataDir, uid),
    examineDirectory("run_dir", dirs.runDir, uid),
    ...spacesOf(dirs).map((path) => examineSpace(path, path === dirs.dataDir)),
  ];
}

/** One directory on each file system that fills: machines, or what is fetched, may have been given one of their own. */
function spacesOf(dirs: AgentDirs): readonly string[] {
  const seen = new Set([deviceOf(dirs.dataDir)]);
  const others = [allocsDir(dirs), cacheDir(dirs)].filter((path) => {
    const device = deviceOf(path);
    if (device === undefined || seen.has(device)) return false;
    seen.add(device);
    return true;
  });
  return [dirs.dataDir, ...others];
}

/** Undefined for what is not there or may not be looked at, which is a finding of its own. */
function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch (error) {
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

function examineDirectory(check: "data_dir" | "run_dir", path: string, uid: number): Finding {
  const say = (level: Finding["level"], message: string, remedy: string | null = null): Finding => {
    return { check, level, message: `${path} ${message}`, remedy };
  };
  const elsewhere = `give the agent another ${check}, or run it as another user`;
  try {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      const parent = existingParent(path);
      accessSync(parent, constants.W_OK | constants.X_OK);
      return say("ok", "is not there yet; the agent makes it");
    }
    if (!stat.isDirectory()) return say("problem", "is not a directory", `remove it, or ${elsewhere}`);
    if (stat.uid !== uid) {
      return say(
        "problem",
        `belongs to user ${stat.uid}, this is user ${uid}`,
        `run this command as its user, or ${elsewhere}`,
      );
    }
    if ((stat.mode & WRITABLE_BY_ALL) !== 0) {
      return say("problem", "may be written to by everybody", `chmod o-w ${shellWord(path)}`);
    }
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return say("ok", "belongs to this user, and nobody else may write to it");
  } catch (error) {
    return say("problem", `cannot be used: ${errnoOf(error) ?? String(error)}`, elsewhere);
  }
}

function existingParent(path: string): string {
  let at = dirname(path);
  while (at !== "/" && lstatSync(at, { throwIfNoEntry: false }) === undefined) at = dirname(at);
  return at;
}

/** @param holdsStore what the agent itself has to write lies there. */
function examineSpace(dir: string, holdsStore: boolean): Finding {
  const say = (level: Finding["level"], message: string, remedy: string | null = null): Finding => {
    return { check: "space", level, message, remedy };
  };
  try {
    const there = lstatSync(dir, { throwIfNoEntry: false }) === undefined ? existingParent(dir) : dir;
    const { bavail, bsize } = statfsSync(there);
    const free = bavail * bsize;
    const message = `${formatBytes(free)} are free in ${there}`;
    const lost = holdsStore
      ? "the agent refuses every change"
      : "machines stop when they write, and nothing is fetched";
    if (free < NO_SPACE) return say("problem", message, `make room: without it ${lost}`);
    return free < LITTLE_SPACE ? say("warning", message, "make room for images and logs") : say("ok", message);
  } catch (error) {
    return say("warning", `how much space is free in ${dir} is not known: ${errnoOf(error) ?? String(error)}`);
  }
}
