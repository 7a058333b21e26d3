import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tokenize } from "../helpers/tokens.ts";
import { importsOf, sourceFiles } from "./source-rules.ts";

const HOME = join(import.meta.dirname, "..", "..");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as Manifest;

/** The packages that `src` imports: `hono` for `hono/validator`. */
function importedPackages(): string[] {
  const packages = sourceFiles(join(HOME, "src"))
    .flatMap((file) => importsOf(tokenize(readFileSync(join(HOME, "src", file), "utf8"))))
    .map(({ specifier }) => specifier)
    .filter((specifier) => !/^(\.|node:|bun(:|$))/.test(specifier))
    .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
  return [...new Set(packages)].sort();
}

test("the dependencies are exactly the packages that the source imports", () => {
  expect(Object.keys(manifest.dependencies).sort()).toEqual(importedPackages());
});

test("every dependency is pinned to one version", () => {
  const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("the lock file names no registry, so that any mirror serves", () => {
  const lock = JSON.parse(readFileSync(join(HOME, "package-lock.json"), "utf8")) as {
    packages: Record<string, { resolved?: string }>;
  };
  expect(Object.keys(lock.packages).length).toBeGreaterThan(5);
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

/** What is not part of the repository. */
const OUTSIDE = new Set([".git", "node_modules", "dist", ".cache"]);

function repositoryFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return OUTSIDE.has(entry.name) && dir === HOME ? [] : repositoryFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Where a developer's own files are; written so that this line does not match itself. */
const MACHINE_PATH = /(^|[\s"'`(=:])\/(work|Users|mnt\/c)\/[A-Za-z]/m;

test("no file of the repository names a path of somebody's machine", () => {
  expect(MACHINE_PATH.test(`see ${["", "work", "main"].join("/")}`)).toBe(true);
  const files = repositoryFiles(HOME);
  expect(files.length).toBeGreaterThan(50);
  expect(files.filter((file) => MACHINE_PATH.test(readFileSync(file, "latin1")))).toEqual([]);
});
