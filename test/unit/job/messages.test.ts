import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HOLE, tokenize } from "../../helpers/tokens.ts";

const SOURCE = join(import.meta.dirname, "../../../src/job");
const GOLDEN = join(import.meta.dirname, "../../golden/job");

/** Texts that no golden file can have as they are, with the reason. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "source must be set": "an empty source is refused before it is read; of a checksum's file it is told as its name",
};

/** What golden files tell: of errors, of warnings, and of each attribute. */
function toldInGoldenFiles(): string {
  return [GOLDEN, join(GOLDEN, "errors")]
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => /\.(txt|warnings)$/.test(path))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

/** The texts for people in a source file, with a hole where a template has a value. */
function textsIn(file: string): string[] {
  return tokenize(readFileSync(join(SOURCE, file), "utf8")).flatMap(({ kind, text }) =>
    // A sentence has a space between two words; names, paths and patterns have none.
    kind === "string" && /[a-z,:"] [a-z"]/.test(text) ? [text.trim().replace(/\\(["'`\\])/g, "$1")] : [],
  );
}

test("every message and hint of the validator stands in a golden file", () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^((validate|schema)\/.*|artifact-source)\.ts$/.test(name),
  );
  const told = toldInGoldenFiles();
  const texts = files.flatMap((file) => textsIn(file).map((text) => ({ file, text })));
  expect(texts.length).toBeGreaterThan(200);
  const isTold = (text: string): boolean => {
    const parts = text.split(HOLE).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(parts.join("[^\\n]*")).test(told);
  };
  expect(texts.filter(({ text }) => !isTold(text) && !(text in ELSEWHERE))).toEqual([]);
  // What is told after all is no exception.
  expect(Object.keys(ELSEWHERE).filter((text) => isTold(text) || !texts.some((it) => it.text === text))).toEqual([]);
});
