import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { join, normalize, resolve } from "node:path";
import { AppError, errnoOf } from "../../base/errors.ts";
import { readUntrusted } from "../../base/files.ts";
import type { Budget } from "../budget.ts";
import { boolean, type Datum, text } from "../cty/datum.ts";
import { makeSet } from "../cty/equality.ts";
import { STRING } from "../cty/type.ts";
import { textAt, textParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec, type FunctionTable, type Surroundings } from "./function.ts";
import { readPattern } from "./glob.ts";
import { FUNCTIONS } from "./table.ts";

/** Where the functions look for files. */
export interface FilePlaces {
  /** Relative paths begin here: the directory of the job file. */
  readonly base: string;
  /** What `~` stands for; undefined for a user without a home. */
  readonly home: string | undefined;
}

/** Larger files have no place in a job file, which has at most as many bytes itself. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** How many files and directories `fileset` looks at. */
const MAX_ENTRIES = 20_000;

/** All functions of Nomad's job files, those that look at files as well: for who reads a file of his own. */
export function functionsWithFiles(places: FilePlaces): FunctionTable {
  return new Map([...FUNCTIONS, ...Object.entries(fileFunctions(places))]);
}

function fileFunctions(places: FilePlaces): Readonly<Record<string, FunctionSpec>> {
  const onPath = (run: (path: string, surroundings: Surroundings) => Datum): FunctionSpec => ({
    parameters: [textParameter("path")],
    run: (args, surroundings) => run(textAt(args, 0), surroundings),
  });
  return {
    abspath: onPath((path) => text(resolve(path))),
    basename: onPath((path) => text(baseName(path))),
    dirname: onPath((path) => text(directoryName(path))),
    file: onPath((path, { budget }) => text(decode(readFile(locate(path, places), budget)))),
    filebase64: onPath((path, { budget }) => text(readFile(locate(path, places), budget).toString("base64"))),
    fileexists: onPath((path) => boolean(fileExists(locate(path, places)))),
    fileset: {
      parameters: [textParameter("path"), textParameter("pattern")],
      run: (args) => listFiles(resolve(places.base, textAt(args, 0)), textAt(args, 1)),
    },
    pathexpand: onPath((path) => text(expandHome(path, places))),
  };
}

/** As Go's `filepath.Base`: slashes at the end do not count. */
function baseName(path: string): string {
  if (path === "") return ".";
  const parts = path.split("/").filter((part) => part !== "");
  return parts.at(-1) ?? "/";
}

/** As Go's `filepath.Dir`: all up to the last slash. */
function directoryName(path: string): string {
  const directory = normalize(path.slice(0, path.lastIndexOf("/") + 1));
  return directory === "/" ? directory : directory.replace(/\/$/, "");
}

function expandHome(path: string, { home }: FilePlaces): string {
  if (!path.startsWith("~")) return path;
  if (path.length > 1 && path[1] !== "/") throw new CallProblem("~ stands for your own home only", 0);
  if (home === undefined) throw new CallProblem("there is no home that ~ could stand for", 0);
  return join(home, path.slice(1));
}

function locate(path: string, places: FilePlaces): string {
  return resolve(places.base, expandHome(path, places));
}

function readFile(path: string, budget: Budget): Buffer {
  try {
    // A link is followed, as everywhere; what is no file, such as a pipe, would keep the reading waiting.
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw new CallProblem(`the file is larger than ${MAX_FILE_BYTES} bytes`, 0, path);
    budget.text(size);
    const bytes = readUntrusted(realpathSync(path), MAX_FILE_BYTES);
    if (bytes !== undefined) return bytes;
  } catch (error) {
    if (error instanceof AppError && error.cause === undefined) throw notRegular(path);
    throw asProblem(path, error instanceof AppError ? error.cause : error);
  }
  throw noFile(path);
}

function asProblem(path: string, error: unknown): unknown {
  if (error instanceof CallProblem) return error;
  const code = errnoOf(error);
  if (code === "ENOENT") return noFile(path);
  return code === undefined ? error : new CallProblem(`cannot be read: ${code}`, 0, path);
}

function notRegular(path: string): CallProblem {
  return new CallProblem("this is no regular file", 0, path);
}

function noFile(path: string): CallProblem {
  return new CallProblem("there is no such file", 0, path);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new CallProblem("the file is no UTF-8 text; filebase64 takes any", 0);
    throw error;
  }
}

function fileExists(path: string): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return false;
    if (stat.isFile()) return true;
  } catch (error) {
    throw asProblem(path, error);
  }
  throw notRegular(path);
}

/** The files below a directory whose paths fit a pattern; links to directories are not gone into. */
function listFiles(root: string, pattern: string): Datum {
  const fits = readPattern(pattern);
  const found: Datum[] = [];
  const open = [""];
  let seen = 0;
  for (let below = open.pop(); below !== undefined; below = open.pop()) {
    for (const entry of readDirectory(join(root, below))) {
      if (++seen > MAX_ENTRIES) throw new CallProblem(`more than ${MAX_ENTRIES} files and directories`, 0);
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) open.push(path);
      else if (fits(path) && isFile(join(root, path))) found.push(text(path));
    }
  }
  return makeSet(STRING, found);
}

function readDirectory(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    const code = errnoOf(error);
    // What is not there, or may not be looked at, holds no files for us.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return [];
    throw asProblem(path, error);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
