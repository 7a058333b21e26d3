import { readdirSync, readlinkSync } from "node:fs";
import { quoteName } from "../../archive/failure.ts";
import { AppError } from "../../base/errors.ts";
import { type Folder, kindOf, lookAt, openFolder } from "../folder.ts";
import { decodePart } from "../source/magic.ts";

/** Where in an unpacked archive what was asked for lies. */
export interface Part {
  /** The directories around it, outermost first. */
  readonly parents: readonly string[];
  /** A file or link; null when it is the directory itself. */
  readonly name: string | null;
}

/** All of it. */
export const WHOLE: Part = { parents: [], name: null };

/**
 * Reads what stands behind `//` in a source: names, in which `*` and `?` stand for any characters.
 * @returns null when that is nothing.
 * @throws AppError `invalid`.
 */
export function planSubdir(text: string | null): readonly string[] | null {
  const names = decodePart(text ?? "", "path")
    .split("/")
    .filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) {
    throw new AppError("invalid", `the subdirectory ${JSON.stringify(names.join("/"))} leads out of the artifact`);
  }
  return names.length === 0 ? null : names;
}

/**
 * Finds a subdirectory, or one file, in a directory.
 * @param root absolute. @param base the directory's names below it.
 * @throws AppError `fetch` when there is none, or more than one, as with go-getter; and for a link in it that leads out of it.
 */
export function findPart(root: string, base: readonly string[], pattern: readonly string[]): Part {
  const found = pattern.reduce<readonly (readonly string[])[]>(
    (parents, word, index) => parents.flatMap((names) => matches(root, base, names, word, index < pattern.length - 1)),
    [[]],
  );
  const wanted = quoteName(pattern.join("/"));
  const [path, ...more] = found;
  if (path === undefined)
    throw new AppError("fetch", `${wanted} is not in it`, {
      hint: "what stands behind // in the source must be there",
    });
  if (more.length > 0) {
    const names = found.slice(0, 3).map((one) => quoteName(one.join("/")));
    throw new AppError("fetch", `${wanted} must be one thing in it, found ${found.length}: ${names.join(", ")}`);
  }
  const parents = path.slice(0, -1);
  const name = path.at(-1) ?? "";
  const kind = within(root, [...base, ...parents], (folder) => kindAt(folder, name));
  if (kind === "file") return { parents, name };
  if (kind !== "directory") throw new AppError("fetch", `${wanted} must be a file or a directory, found a ${kind}`);
  assertLinksStay(root, [...base, ...path], []);
  return { parents: path, name: null };
}

function matches(
  root: string,
  base: readonly string[],
  parents: readonly string[],
  word: string,
  wantsDirectory: boolean,
): string[][] {
  const like = wordPattern(word);
  return within(root, [...base, ...parents], (folder) =>
    readdirSync(folder.at("."))
      .filter((name) => like(name) && (!wantsDirectory || lookAt(folder.at(name))?.isDirectory() === true))
      .map((name) => [...parents, name]),
  );
}

/** Tells whether a name is what a word with `*` and `?` stands for. */
export function wordPattern(word: string): (name: string) => boolean {
  if (!/[*?]/.test(word)) return (name) => name === word;
  const pattern = [...word];
  // As in a shell, what is hidden has to be named.
  return (name) => (word.startsWith(".") || !name.startsWith(".")) && isLike([...name], pattern);
}

/** In no more steps than both lengths multiplied: an expression's would grow without bound with the number of `*`. */
function isLike(name: readonly string[], pattern: readonly string[]): boolean {
  let [at, wanted, star, taken] = [0, 0, -1, 0];
  while (at < name.length) {
    const sign = pattern[wanted];
    if (sign === "*") {
      star = wanted++;
      taken = at;
    } else if (sign === "?" || sign === name[at]) {
      wanted++;
      at++;
    } else if (star === -1) return false;
    else {
      // The last star takes one more.
      wanted = star + 1;
      at = ++taken;
    }
  }
  return pattern.slice(wanted).every((sign) => sign === "*");
}

/** A link that stayed in the archive may lead out of a part of it. */
function assertLinksStay(root: string, base: readonly string[], names: readonly string[]): void {
  within(root, [...base, ...names], (folder) => {
    for (const name of readdirSync(folder.at("."))) {
      const stats = lookAt(folder.at(name));
      if (stats?.isDirectory() === true) assertLinksStay(root, base, [...names, name]);
      if (stats?.isSymbolicLink() !== true) continue;
      const up = readlinkSync(folder.at(name))
        .split("/")
        .filter((part) => part === "..").length;
      if (up <= names.length) continue;
      const link = quoteName([...names, name].join("/"));
      throw new AppError("fetch", `link ${link} leads out of the subdirectory, to elsewhere in the artifact`, {
        hint: "take all of the artifact, without // in its source",
      });
    }
  });
}

function within<T>(root: string, names: readonly string[], work: (folder: Folder) => T): T {
  const folder = openFolder(root, names);
  try {
    return work(folder);
  } finally {
    folder.close();
  }
}

/** The one file of a part, for an artifact that becomes a file. @throws AppError `fetch` when it is a directory. */
export function fileOfPart({ parents, name }: Part): readonly string[] {
  if (name !== null) return [...parents, name];
  throw new AppError("fetch", 'mode = "file" needs a file behind // in the source, found a directory', {
    hint: "leave mode out to put a directory's files into the destination directory",
  });
}

function kindAt(folder: Folder, name: string): string {
  const stats = lookAt(folder.at(name));
  return stats === undefined ? "file that is gone" : kindOf(stats);
}
