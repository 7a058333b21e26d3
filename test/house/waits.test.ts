import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "../helpers/temp.ts";
import { tokenize } from "../helpers/tokens.ts";
import { type Exceptions, needless, unexcused } from "./exceptions.ts";
import { sourceFiles } from "./source-rules.ts";

const TESTS = join(import.meta.dirname, "..");

/** Files of `test` that know the time that has to pass, each with what that time is; all others wait by helpers/until.ts. */
const TIMED: Exceptions = {
  "bench/idle.ts": "the span that is measured",
  "bench/machines.ts": "between two looks at a console: what is measured must not wait for the 20 ms of until",
  "bench/memory.ts": "the rest before what is measured",
  "chaos/rounds.ts": "the moment of a kill, drawn by lot",
  "e2e/siblings.test.ts": "the moment of a kill",
  "helpers/kill-sometime.ts": "the moment of a kill, drawn by lot",
  "helpers/origin.ts": "the pace of a slow server",
  "helpers/run.ts": "the deadline of a program",
  "helpers/runs.ts": "between two looks at who the parent is",
  "helpers/until.ts": "between two looks",
  "helpers/victim.ts": "between two keys: the firmware takes some of them",
};

/** Every timer in a tree of tests, one line each: `file:line word`. */
function findTimers(root: string): string[] {
  return sourceFiles(root).flatMap((file) => {
    const tokens = tokenize(readFileSync(join(root, file), "utf8"));
    return tokens.flatMap(({ kind, text, line }, index) => {
      if (kind !== "word" || tokens[index + 1]?.text !== "(") return [];
      const owner = tokens[index - 1]?.text === "." ? tokens[index - 2]?.text : undefined;
      const isTimer = /^(setTimeout|setInterval|delay)$/.test(text) && (owner ?? "globalThis") === "globalThis";
      return isTimer || (text === "sleep" && owner === "Bun") ? [`${file}:${line} ${text}`] : [];
    });
  });
}

test("no test waits for a time to pass instead of what it waits for", () => {
  expect(unexcused(findTimers(TESTS), TIMED)).toEqual([]);
});

test("every exception to that is still needed", () => {
  expect(needless(findTimers(TESTS), TIMED)).toEqual([]);
});

/** Every assertion about how a promise ends that stands as a statement of its own and is not waited for: `file:line expect`. */
function findForgotten(root: string): string[] {
  return sourceFiles(root).flatMap((file) => {
    const tokens = tokenize(readFileSync(join(root, file), "utf8"));
    return tokens.flatMap(({ text, line }, index) => {
      if (text !== "expect" || !/^[;{})]$/.test(tokens[index - 1]?.text ?? ";")) return [];
      let depth = 0;
      const close = tokens.findIndex((token, at) => {
        if (at <= index || token.kind !== "mark") return false;
        if (token.text === "(") depth++;
        return token.text === ")" && --depth === 0;
      });
      const [, word] = tokens.slice(close + 1, close + 3);
      return /^(rejects|resolves)$/.test(word?.text ?? "") ? [`${file}:${line} expect`] : [];
    });
  });
}

test("every test waits for what it says of a promise", () => {
  expect(findForgotten(TESTS)).toEqual([]);
});

test("an assertion that nobody waits for is found, and one that is waited for is not", async () => {
  await using dir = tempDir();
  const lines = [
    'test("a", async () => { expect(read(")", [1])).rejects.toThrow("x");',
    "expect(one()).toBe(1); await expect(two()).rejects.toThrow();",
    "expect(three()).resolves.toBe(3);",
    "await Promise.all([expect(four()).resolves.toBe(4)]); });",
  ];
  writeFileSync(dir.file("a.test.ts"), lines.join("\n"));
  expect(findForgotten(dir.path)).toEqual(["a.test.ts:1 expect", "a.test.ts:3 expect"]);
});

test("a timer is found wherever it stands, and none in a text or on a socket", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("unit"));
  const lines = [
    "await Bun.sleep(50);",
    "await new Promise((resolve) => setTimeout(resolve, 50));",
    "const again = globalThis.setInterval(look, 5);",
    "for (;;) await delay(200);",
    "socket.setTimeout(300);",
    'const script = "setInterval(() => {}, 1000)";',
    "const { delay } = policy; // setTimeout()",
  ];
  writeFileSync(dir.file("unit", "a.test.ts"), lines.join("\n"));
  const found = ["sleep", "setTimeout", "setInterval", "delay"].map((word, at) => `unit/a.test.ts:${at + 1} ${word}`);
  expect(findTimers(dir.path)).toEqual(found);
});
