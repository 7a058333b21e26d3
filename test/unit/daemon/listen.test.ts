import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { trySocket } from "../../../src/base/try-socket.ts";
import { listen } from "../../../src/daemon/listen.ts";
import { groupId } from "../../../src/node/users.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

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

test("who has the socket of a killed agent for a moment and says nothing is waited for", async () => {
  const path = dir.file("api.sock");
  await using child = spawnServer(path);
  await until("the child to listen", async () => (await trySocket(path)) === undefined);
  const starting = listen(path, answer);
  await until("the child to be asked", () => existsSync(dir.file("asked")));
  child.kill("SIGKILL");
  const server = await starting;
  expect(await (await fetch("http://localhost/", { unix: path })).text()).toBe("here");
  await server.stop();
});

test("who hangs up and is gone a moment later is no other agent: a killed process loses its connections before its socket", async () => {
  const path = dir.file("api.sock");
  let connections = 0;
  const dying = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.destroy());
    connections += 1;
    if (connections === 3) dying.close();
  });
  await new Promise<void>((listening) => dying.listen(path, listening));
  const server = await listen(path, answer);
  expect(connections).toBeGreaterThanOrEqual(3);
  await server.stop();
});

describe("the configuration says", () => {
  test.skipIf(process.getuid?.() !== 0)("whose group the socket is, and whether it may use it", async () => {
    const path = dir.file("api.sock");
    const open = await listen(path, answer, { group: "nogroup", mode: 0o660 });
    expect(statSync(path)).toMatchObject({ uid: 0, gid: groupId("nogroup") });
    await open.stop();
    const closed = await listen(path, answer, { group: null, mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await closed.stop();
  });

  test("a group that is not there, and nothing is left", async () => {
    const path = dir.file("api.sock");
    await expect(listen(path, answer, { group: "no-such-group", mode: 0o660 })).rejects.toThrow(
      'api_group "no-such-group": this host has no such group',
    );
    expect(existsSync(path)).toBe(false);
  });
});

test("its socket is for its user and group alone", async () => {
  const path = dir.file("api.sock");
  const server = await listen(path, answer);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  await server.stop();
});

test("who keeps the socket and hangs is another agent", async () => {
  const path = dir.file("api.sock");
  await using child = spawnServer(path);
  await until("the child to listen", async () => (await trySocket(path)) === undefined);
  await expect(listen(path, answer)).rejects.toThrow(`another agent answers at ${path}`);
  expect(child.killed).toBe(false);
});

/** A process that listens at a socket, notes that it was asked something, and answers nothing. */
function spawnServer(path: string) {
  const script = `const { writeFileSync } = require("node:fs");
require("node:net").createServer((socket) => {
  socket.on("error", () => undefined);
  socket.once("data", () => writeFileSync(${JSON.stringify(dir.file("asked"))}, ""));
}).listen(${JSON.stringify(path)});`;
  return Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "ignore", "ignore"] });
}
