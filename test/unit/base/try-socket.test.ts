import { expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { trySocket } from "../../../src/base/try-socket.ts";
import { tempDir } from "../../helpers/temp.ts";

test("a socket answers, is a dead one's, is none, or is not there", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("file"), "");
  mkdirSync(dir.file("directory"));
  for (const name of ["file", "directory"]) expect(await trySocket(dir.file(name))).toBe("ENOTSOCK");
  expect(await trySocket(dir.file("nothing"))).toBe("ENOENT");
  expect(await trySocket(dir.file("file", "below"))).toBe("ENOTDIR");
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(dir.file("live"), resolve));
  expect(await trySocket(dir.file("live"))).toBeUndefined();
  // A server takes its socket away when it ends, one that was killed does not.
  renameSync(dir.file("live"), dir.file("dead"));
  await new Promise((resolve) => server.close(resolve));
  expect(await trySocket(dir.file("dead"))).toBe("ECONNREFUSED");
});
