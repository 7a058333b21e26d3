import { beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { removeTree } from "../../../src/base/remove-tree.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let tree: string;

beforeEach(() => {
  tree = dir.file("tree");
  mkdirSync(tree);
});

describe("removing a tree", () => {
  test("takes files and directories along and says what was freed", () => {
    mkdirSync(join(tree, "a", "b"), { recursive: true });
    writeFileSync(join(tree, "a", "b", "file"), Buffer.alloc(1 << 20, 1));
    const { names, bytes, trouble } = removeTree(tree);
    expect({ names, trouble }).toEqual({ names: 3, trouble: null });
    expect(bytes).toBeGreaterThanOrEqual(1 << 20);
    expect(existsSync(tree)).toBe(false);
  });

  test("does nothing where nothing is", () => {
    expect(removeTree(dir.file("nothing"))).toEqual({ names: 0, bytes: 0, trouble: null });
  });

  test("follows no link, neither inside nor in its own place", () => {
    const outside = dir.file("outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "precious"), "data");
    symlinkSync(outside, join(tree, "directory"));
    symlinkSync(join(outside, "precious"), join(tree, "file"));
    symlinkSync("/", join(tree, "root"));
    expect(removeTree(tree).trouble).toBeNull();
    expect(existsSync(tree)).toBe(false);
    symlinkSync(outside, tree);
    expect(removeTree(tree).trouble).toContain("is no directory");
    expect(readdirSync(outside)).toEqual(["precious"]);
  });

  test("frees nothing of a file that has another name, and leaves that name", () => {
    const other = dir.file("other");
    writeFileSync(other, Buffer.alloc(1 << 20, 1));
    linkSync(other, join(tree, "linked"));
    expect(removeTree(tree).bytes).toBeLessThan(1 << 20);
    expect(statSync(other)).toMatchObject({ size: 1 << 20, nlink: 1 });
  });

  test("finds names that are no text", () => {
    for (const bytes of [
      [0xff, 0xfe],
      [0x0a, 0x1b, 0x5b],
      [0xc3, 0x28],
    ]) {
      writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(bytes)]), "x");
    }
    expect(removeTree(tree)).toMatchObject({ names: 3, trouble: null });
    expect(existsSync(tree)).toBe(false);
  });

  test("goes as deep as somebody has nested, deeper than any path may be", () => {
    // Built from the inside out, because no path leads to the innermost.
    const deepest = 150;
    const long = "d".repeat(200);
    for (let level = 0; level < deepest; level++) {
      mkdirSync(join(tree, "next"));
      if (level > 0) renameSync(join(tree, long), join(tree, "next", long));
      writeFileSync(join(tree, "next", "f"), "");
      renameSync(join(tree, "next"), join(tree, long));
    }
    expect(removeTree(tree)).toMatchObject({ names: 2 * deepest, trouble: null });
    expect(existsSync(tree)).toBe(false);
  });

  test("enters directories that their owner may not enter", () => {
    mkdirSync(join(tree, "closed", "inner"), { recursive: true });
    writeFileSync(join(tree, "closed", "inner", "file"), "");
    chmodSync(join(tree, "closed", "inner"), 0o555);
    chmodSync(join(tree, "closed"), 0);
    expect(removeTree(tree).trouble).toBeNull();
    expect(existsSync(tree)).toBe(false);
  });
});
