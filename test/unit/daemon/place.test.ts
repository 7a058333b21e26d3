import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, statSync } from "node:fs";
import { makePlace } from "../../../src/daemon/place.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

const modeOf = (path: string): number => statSync(path).mode & 0o7777;
const place = () => ({ dataDir: dir.file("data"), runDir: dir.file("run") });

test("the agent's directories can be passed through but not listed by others, whatever the umask", () => {
  const umask = process.umask(0o077);
  try {
    makePlace(place());
  } finally {
    process.umask(umask);
  }
  expect([modeOf(dir.file("data")), modeOf(dir.file("run"))]).toEqual([0o711, 0o711]);
});

test("a directory that is there already keeps its mode", () => {
  mkdirSync(dir.file("run"));
  chmodSync(dir.file("run"), 0o750);
  makePlace(place());
  expect(modeOf(dir.file("run"))).toBe(0o750);
});

test("a directory that everybody may write to, such as /tmp, is refused and left as it is", () => {
  mkdirSync(dir.file("run"));
  chmodSync(dir.file("run"), 0o1777);
  expect(() => makePlace(place())).toThrow(`everybody may write to ${dir.file("run")}`);
  expect(modeOf(dir.file("run"))).toBe(0o1777);
});
