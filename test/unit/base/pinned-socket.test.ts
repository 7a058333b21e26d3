import { expect, test } from "bun:test";
import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { pinSocket } from "../../../src/base/pinned-socket.ts";
import { tempDir } from "../../helpers/temp.ts";

const uid = process.getuid?.() ?? 0;

async function serve(path: string, word: string): Promise<Server> {
  const server = createServer((socket) => socket.end(word));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

function hear(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("data", (data) => resolve(String(data)));
    socket.once("error", reject);
  });
}

test("a pinned socket stays the one that it was when its name is given to another", async () => {
  await using dir = tempDir();
  const [first, second] = await Promise.all([serve(dir.file("a"), "first"), serve(dir.file("b"), "second")]);
  const pinned = pinSocket(dir.file("a"), uid);
  renameSync(dir.file("b"), dir.file("a"));
  expect(await hear(dir.file("a"))).toBe("second");
  expect(await hear(pinned.path)).toBe("first");
  pinned.release();
  first.close();
  second.close();
});

test("a link, a file, another user's socket and nothing at all are refused", async () => {
  await using dir = tempDir();
  const server = await serve(dir.file("real"), "x");
  symlinkSync(dir.file("real"), dir.file("link"));
  writeFileSync(dir.file("file"), "x");
  expect(() => pinSocket(dir.file("link"), uid)).toThrow("expected a socket of user");
  expect(() => pinSocket(dir.file("file"), uid)).toThrow("found something else");
  expect(() => pinSocket(dir.file("real"), uid + 1)).toThrow(`found a socket of user ${uid}`);
  expect(() => pinSocket(dir.file("none"), uid)).toThrow("ENOENT");
  server.close();
});
