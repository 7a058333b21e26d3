import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen } from "../../../src/daemon/listen.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "paddock-test-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const answer = () => new Response("here");

test("what has the socket's name and is none is refused and left alone", async () => {
  const path = join(dir, "api.sock");
  writeFileSync(path, "mine");
  await expect(listen(path, answer)).rejects.toThrow(`${path}: expected a socket or nothing`);
  expect(readFileSync(path, "utf8")).toBe("mine");
  const directory = join(dir, "directory.sock");
  mkdirSync(directory);
  await expect(listen(directory, answer)).rejects.toThrow(`${directory}: expected a socket or nothing`);
  expect(existsSync(directory)).toBe(true);
});

test("a second one is refused while the first answers", async () => {
  const path = join(dir, "api.sock");
  const first = await listen(path, answer);
  await expect(listen(path, answer)).rejects.toThrow(`another agent answers at ${path}`);
  await first.stop();
});
