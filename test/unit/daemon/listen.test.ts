import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { listen } from "../../../src/daemon/listen.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

const answer = () => new Response("here");

test("what has the socket's name and is none is refused and left alone", async () => {
  const path = dir.file("api.sock");
  writeFileSync(path, "mine");
  await expect(listen(path, answer)).rejects.toThrow(`${path}: expected a socket or nothing`);
  expect(readFileSync(path, "utf8")).toBe("mine");
  const directory = dir.file("directory.sock");
  mkdirSync(directory);
  await expect(listen(directory, answer)).rejects.toThrow(`${directory}: expected a socket or nothing`);
  expect(existsSync(directory)).toBe(true);
});

test("a second one is refused while the first answers", async () => {
  const path = dir.file("api.sock");
  const first = await listen(path, answer);
  await expect(listen(path, answer)).rejects.toThrow(`another agent answers at ${path}`);
  await first.stop();
});
