import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makePlace } from "../../../src/daemon/place.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "paddock-test-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o7777;
const place = () => ({ dataDir: join(dir, "data"), runDir: join(dir, "run") });

test("the agent's directories can be passed through but not listed by others, whatever the umask", () => {
  const umask = process.umask(0o077);
  try {
    makePlace(place());
  } finally {
    process.umask(umask);
  }
  expect([modeOf(join(dir, "data")), modeOf(join(dir, "run"))]).toEqual([0o711, 0o711]);
});

test("a directory that is there already keeps its mode", () => {
  mkdirSync(join(dir, "run"));
  chmodSync(join(dir, "run"), 0o750);
  makePlace(place());
  expect(modeOf(join(dir, "run"))).toBe(0o750);
});

test("a directory that everybody may write to, such as /tmp, is refused and left as it is", () => {
  mkdirSync(join(dir, "run"));
  chmodSync(join(dir, "run"), 0o1777);
  expect(() => makePlace(place())).toThrow(`everybody may write to ${join(dir, "run")}`);
  expect(modeOf(join(dir, "run"))).toBe(0o1777);
});
