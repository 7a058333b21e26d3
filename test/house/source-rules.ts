import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { type Token, tokenize } from "../helpers/tokens.ts";

/** Folders of `src` (and its single files) from the lowest rank to the highest; those on one line do not know each other. */
export const RANKS: readonly (readonly string[])[] = [
  ["runtime"],
  ["base", "regexp"],
  ["paths.ts", "hcl", "template", "filter", "qmp", "guest"],
  ["config", "job", "cgroup", "stats", "logs", "archive"],
  ["node", "cache", "files"],
  ["allocation", "constraint", "artifact", "image", "placement"],
  ["qemu", "events", "contract", "check", "bundle"],
  ["state", "client", "console"],
  ["supervisor"],
  ["agent"],
  ["api", "cli", "plugin"],
  ["daemon"],
  ["doctor", "rehearsal"],
  ["main.ts"],
];

/** What a folder may not import although its rank allows it. */
const FORBIDDEN: Readonly<Record<string, readonly string[]>> = {
  cli: ["agent", "api", "supervisor"],
  api: ["supervisor", "state", "qmp"],
};

/** Who may start processes, besides the runtime itself. */
const MAY_SPAWN = (file: string): boolean =>
  file.startsWith("runtime/") || file.startsWith("supervisor/") || file === "base/exec.ts";

const EMPTY_NAME = /^(utils?|helpers?|managers?|index|misc|common)\.ts$|-(utils?|helpers?|manager)\.ts$/;

interface SourceFile {
  /** Below the source root, with `/`. */
  readonly file: string;
  readonly tokens: readonly Token[];
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Every TypeScript file below `root`, as paths relative to it. */
export function sourceFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && statSync(join(root, name)).isFile())
    .map((name) => name.split(sep).join("/"))
    .sort();
}

/** All breaches of the rules about imports and names in a source tree, one line each: `file:line what`. */
export function findBreaches(root: string): string[] {
  return sourceFiles(root).flatMap((file) => {
    const source = { file, tokens: tokenize(readFileSync(join(root, file), "utf8")) };
    return [
      ...importBreaches(root, source),
      ...runtimeBreaches(source),
      ...exitBreaches(source),
      ...(EMPTY_NAME.test(basename(file)) ? [`${file}:1 a file is named after what it does`] : []),
    ];
  });
}

/** Every circle of imports in a source tree, types included: `a.ts → b.ts → a.ts`. */
export function findCircles(root: string): string[] {
  const imports = new Map(sourceFiles(root).map((file) => [file, importedFiles(root, file)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) circles.push([...way.slice(at), file].join(" → "));
    if (at >= 0 || done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...way, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return circles;
}

function importedFiles(root: string, file: string): string[] {
  return importsOf(tokenize(readFileSync(join(root, file), "utf8")))
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => targetOf(root, file, specifier));
}

/** The file that a relative specifier names, as a path below `root`. */
function targetOf(root: string, file: string, specifier: string): string {
  return relative(root, resolve(root, dirname(file), specifier))
    .split(sep)
    .join("/");
}

/** The specifiers that a file imports or re-exports, types included. */
export function importsOf(tokens: readonly Token[]): Import[] {
  return tokens.flatMap((token, index) => {
    if (token.kind !== "string") return [];
    const before = tokens[index - 1];
    const called = before?.text === "(" && tokens[index - 2]?.text === "import";
    const named = before?.kind === "word" && (before.text === "from" || before.text === "import");
    // A text that follows the word "from" in a sentence of a template is no module.
    const isModule = (called || named) && !/\s/.test(token.text);
    return isModule ? [{ specifier: token.text, line: token.line }] : [];
  });
}

/** The folder of `src` that a file belongs to, or the file itself when it lies in `src`. */
function folderOf(file: string): string {
  return file.split("/")[0] ?? file;
}

function rankOf(folder: string): number {
  return RANKS.findIndex((folders) => folders.includes(folder));
}

function importBreaches(root: string, { file, tokens }: SourceFile): string[] {
  const folder = folderOf(file);
  if (rankOf(folder) < 0) return [`${file}:1 ${folder} has no rank`];
  return importsOf(tokens).flatMap(({ specifier, line }) => {
    if (specifier === "node:child_process" && !file.startsWith("runtime/")) {
      return [`${file}:${line} imports node:child_process`];
    }
    if (!specifier.startsWith(".")) return [];
    const breach = targetBreach(root, file, targetOf(root, file, specifier));
    return breach === undefined ? [] : [`${file}:${line} ${breach}`];
  });
}

function targetBreach(root: string, file: string, target: string): string | undefined {
  const [from, to] = [folderOf(file), folderOf(target)];
  if (!existsSync(join(root, target))) return `imports ${target}, which is not there`;
  if (target === "runtime/spawn.ts" && !MAY_SPAWN(file)) return "starts processes";
  if (FORBIDDEN[from]?.includes(to)) return `imports ${target}: ${from} never imports ${to}`;
  // Assets such as the demo's boot sector are no code and know nobody.
  if (from === to || !target.endsWith(".ts")) return undefined;
  if (rankOf(to) < 0) return `imports ${target}, which has no rank`;
  return rankOf(to) < rankOf(from) ? undefined : `imports ${target}: ${to} has no lower rank than ${from}`;
}

function runtimeBreaches({ file, tokens }: SourceFile): string[] {
  if (file.startsWith("runtime/")) return [];
  const names = tokens.filter(
    (token, index) =>
      token.kind === "word" && (token.text === "Bun" || token.text === "Deno") && tokens[index - 1]?.text !== ".",
  );
  const modules = importsOf(tokens).filter(({ specifier }) => /^bun(:|$)/.test(specifier));
  return [
    ...names.map(({ text, line }) => `${file}:${line} names ${text}`),
    ...modules.map(({ specifier, line }) => `${file}:${line} imports ${specifier}`),
  ];
}

function exitBreaches({ file, tokens }: SourceFile): string[] {
  if (file === "main.ts") return [];
  return tokens
    .filter((token, index) => {
      const [a, b, c] = tokens.slice(index, index + 3);
      return token.text === "process" && a?.kind === "word" && b?.text === "." && c?.text === "exit";
    })
    .map(({ line }) => `${file}:${line} calls process.exit`);
}
