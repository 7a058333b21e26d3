import { expect, test } from "bun:test";
import { join } from "node:path";
import { wordPattern } from "../../../../src/artifact/unpack/subdir.ts";

test.each([
  ["v*1", "v1", true],
  ["v*1", "v11", true],
  ["v*1", "v12", false],
  ["*", "any", true],
  ["*", "", true],
  ["**a**", "a", true],
  ["?", "\u{1f600}", true],
  ["?", "", false],
  ["??", "a", false],
  ["a?", "a", false],
  ["*ab", "aab", true],
  ["*ab*cd", "abxabcxcd", true],
  ["a.c", "abc", false],
  ["a.*", "abc", false],
  ["*", ".hidden", false],
  [".*", ".hidden", true],
])("%s for %s: %p", (word, name, fits) => {
  expect(wordPattern(word)(name)).toBe(fits);
});

test("a word with many signs is compared in no time, whoever made word and name", () => {
  const module = join(import.meta.dirname, "../../../../src/artifact/unpack/subdir.ts");
  const script = `import { wordPattern } from ${JSON.stringify(module)};
    process.exit(wordPattern("*a".repeat(40) + "b")("a".repeat(255)) ? 1 : 0);`;
  const { exitCode } = Bun.spawnSync([process.execPath, "-e", script], { timeout: 20_000 });
  expect(exitCode).toBe(0);
}, 30_000);
