import { expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import * as v from "valibot";
import { allocationFiles } from "../../src/agent/files.ts";
import { FileInfoSchema } from "../../src/contract/file.ts";
import { taskDirs } from "../../src/paths.ts";
import { makeFifo } from "../../src/runtime/fifo.ts";
import { parseReply, refusalOf } from "../helpers/api.ts";
import { createFakeAgent } from "../helpers/fake-agent.ts";
import { followFrames } from "../helpers/followed.ts";
import { allocation, jobRecord } from "../helpers/records.ts";
import { serveAgent } from "../helpers/serve-agent.ts";
import { tempPerTest } from "../helpers/temp-per-test.ts";
import { until } from "../helpers/until.ts";

const temp = tempPerTest();
const { id: ID } = allocation();
const TIME = new Date("2026-03-01T14:05:09.000Z");

/** The API over an allocation with some files. */
async function serveFiles() {
  const dirs = { dataDir: temp.file("data"), runDir: temp.file("run") };
  const own = taskDirs(dirs, ID, "vm");
  for (const one of [own.logs, own.local, own.secrets]) mkdirSync(one, { recursive: true });
  writeFileSync(join(own.local, "file"), "hello, world\n");
  writeFileSync(join(own.local, "image"), Buffer.from([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]));
  writeFileSync(join(own.secrets, "token"), "secret");
  for (const name of ["file", "image"]) {
    chmodSync(join(own.local, name), 0o640);
    utimesSync(join(own.local, name), TIME, TIME);
  }
  const agent = createFakeAgent();
  agent.put({ job: jobRecord(), allocation: allocation() });
  agent.files = allocationFiles({ dirs }, (id) => agent.allocation(id));
  const served = await serveAgent(agent, temp.file("api.sock"));
  const get = (action: string, path: string, more = "") =>
    served.fetch(`/v1/client/fs/${action}/${ID}?path=${encodeURIComponent(path)}${more}`);
  return {
    local: own.local,
    secrets: own.secrets,
    alloc: own.alloc,
    socket: served.socket,
    fetch: served.fetch,
    get,
    text: async (action: string, path: string, more?: string) => await (await get(action, path, more)).text(),
    refusal: async (action: string, path: string, more?: string) => await refusalOf(await get(action, path, more)),
    [Symbol.asyncDispose]: served[Symbol.asyncDispose],
  };
}

/** How many descriptors of this process are of files below the test's directory. */
function openFiles(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes(`${temp.path}/data/`);
    } catch {
      return false;
    }
  }).length;
}

test("directories are listed and files looked at as Nomad has it", async () => {
  await using bed = await serveFiles();
  symlinkSync("file", join(bed.local, "link"));
  await makeFifo(join(bed.local, "fifo"), 0o600);
  chmodSync(bed.local, 0o1777);
  const info = { IsDir: false, FileMode: "-rw-r-----", ModTime: TIME.toISOString() };
  const list = await parseReply(v.array(FileInfoSchema), await bed.get("ls", "vm/local"));
  expect(list.map(({ Name, FileMode, IsDir, Size }) => [Name, FileMode, IsDir, Size])).toEqual([
    ["fifo", "prw-------", false, 0],
    ["file", "-rw-r-----", false, 13],
    ["image", "-rw-r-----", false, 8],
    ["link", "Lrwxrwxrwx", false, 4],
  ]);
  expect(list[1]).toEqual({ Name: "file", Size: 13, ...info });
  expect(await parseReply(FileInfoSchema, await bed.get("stat", "/vm/local/file"))).toEqual({
    Name: "file",
    Size: 13,
    ...info,
    ContentType: "text/plain; charset=utf-8",
  });
  expect(await parseReply(FileInfoSchema, await bed.get("stat", "vm/local/image"))).toMatchObject({
    ContentType: "application/octet-stream",
  });
  expect(await parseReply(FileInfoSchema, await bed.get("stat", "vm/local/link"))).toMatchObject({
    Name: "link",
    Size: 13,
  });
  expect(await parseReply(FileInfoSchema, await bed.get("stat", "vm/local/"))).toMatchObject({
    Name: "local",
    IsDir: true,
    FileMode: "dtrwxrwxrwx",
  });
  const root = await parseReply(v.array(FileInfoSchema), await bed.fetch(`/v1/client/fs/ls/${ID}`));
  expect(root.map(({ Name }) => Name)).toEqual(["alloc", "vm"]);
  expect(await parseReply(FileInfoSchema, await bed.get("stat", "/"))).toMatchObject({ Name: "/", IsDir: true });
});

test("files are read whole, in part and in frames", async () => {
  await using bed = await serveFiles();
  expect(await bed.text("cat", "vm/local/file")).toBe("hello, world\n");
  expect(await bed.text("readat", "vm/local/file", "&offset=7&limit=5")).toBe("world");
  expect(await bed.text("readat", "vm/local/file", "&offset=7")).toBe("world\n");
  expect(await bed.text("readat", "vm/local/file", "&offset=7&limit=-1")).toBe("world\n");
  expect(await bed.text("readat", "vm/local/file", "&offset=700&limit=5")).toBe("");
  const frames = await bed.text("stream", "vm/local/file", "&follow=false&origin=end&offset=6");
  expect(frames).toBe('{"File":"vm/local/file","Offset":13,"Data":"d29ybGQK"}');
  const all = await bed.text("stream", "vm/local/file", "&follow=false&origin=end&offset=99");
  expect(all).toBe('{"File":"vm/local/file","Offset":13,"Data":"aGVsbG8sIHdvcmxkCg=="}');
  expect(await bed.text("stream", "vm/local/file", "&follow=false&plain=true")).toBe("hello, world\n");
  // A browser makes no page of what a machine wrote.
  expect((await bed.get("cat", "vm/local/file")).headers.get("x-content-type-options")).toBe("nosniff");
  expect((await bed.fetch(`/v1/client/fs/cat/${ID}?path=vm/local/file`, { method: "HEAD" })).status).toBe(200);
  await until("nothing to be open", () => openFiles() === 0);
});

test("what may not be read, is not there or is no file is told, and nothing stays open", async () => {
  await using bed = await serveFiles();
  symlinkSync("../secrets/token", join(bed.local, "sly"));
  symlinkSync("../../../../../../../../../../etc/passwd", join(bed.local, "out"));
  symlinkSync("/dev/zero", join(bed.local, "device"));
  await makeFifo(join(bed.local, "fifo"), 0o600);
  for (const action of ["cat", "readat", "stream"]) {
    const more = "&offset=0";
    for (const [path, status, line] of [
      ["vm/secrets/token", 400, "Reading secret file prohibited: vm/secrets/token"],
      ["vm/local/sly", 400, "Reading secret file prohibited: vm/local/sly"],
      ["vm/local/../secrets/token", 400, "Reading secret file prohibited: vm/local/../secrets/token"],
      ["vm/local/out", 400, "Path escapes the alloc directory: vm/local/out"],
      ["../../../etc/passwd", 400, "Path escapes the alloc directory: ../../../etc/passwd"],
      ["vm/local/device", 400, "Path escapes the alloc directory: vm/local/device"],
      ["vm/local/fifo", 400, 'file "vm/local/fifo" is not a regular file'],
      ["vm/local", 400, 'file "vm/local" is a directory'],
      ["vm/nothing", 404, "vm/nothing: no such file or directory"],
      ["", 400, "must provide a file name"],
    ] as const) {
      const told = await bed.refusal(action, path, more);
      expect([action, path, told.status, told.lines[0]]).toEqual([action, path, status, line]);
    }
  }
  expect((await bed.refusal("ls", "vm/local/file")).lines).toEqual(["vm/local/file: not a directory"]);
  expect((await bed.refusal("stat", "vm/nothing")).status).toBe(404);
  for (const [more, line] of [
    ["", "query parameter offset: expected a whole number"],
    ["&offset=-1", "query parameter offset: expected a whole number"],
    ["&offset=1&limit=x", "query parameter limit: expected a whole number"],
  ] as const) {
    expect((await bed.refusal("readat", "vm/local/file", more)).lines[0]).toBe(line);
  }
  expect((await bed.refusal("stream", "vm/local/file", "&origin=middle")).status).toBe(400);
  for (const target of ["ls", "ls/", "stat", "cat", "readat/", "stream", "logs", "logs/"]) {
    const told = await refusalOf(await bed.fetch(`/v1/client/fs/${target}?path=/`));
    expect([target, told.status, told.lines[0]]).toEqual([target, 400, "must provide a valid alloc id"]);
  }
  const unknown = await bed.fetch("/v1/client/fs/ls/00000000-0000-4000-8000-000000000000");
  expect(unknown.status).toBe(404);
  await until("nothing to be open", () => openFiles() === 0);
});

test("a followed file goes on as it grows, is told to be cut and to be gone, and ends then", async () => {
  await using bed = await serveFiles();
  const file = join(bed.local, "file");
  const followed = followFrames(await bed.get("stream", "vm/local/file", "&origin=end&offset=6"));
  await followed.waitFor("the end of it", ({ text }) => text === "world\n");
  appendFileSync(file, "more\n");
  await followed.waitFor("what was added", ({ text }) => text === "world\nmore\n");
  truncateSync(file, 0);
  await followed.waitFor("the cut", ({ events }) => events.length === 1);
  appendFileSync(file, "anew\n");
  await followed.waitFor("what came after it", ({ text }) => text === "world\nmore\nanew\n");
  writeFileSync(`${file}.next`, "another file");
  renameSync(`${file}.next`, file);
  await followed.waitFor("the end", ({ ended }) => ended);
  expect([followed.text, followed.events]).toEqual(["world\nmore\nanew\n", ["file truncated", "file deleted"]]);
  await until("nothing to be open", () => openFiles() === 0);
});

test("what is written until a file goes is told, a silent one has heartbeats, and whoever leaves lets go of it", async () => {
  await using bed = await serveFiles();
  const file = join(bed.local, "file");
  const [stays, leaves] = [
    followFrames(await bed.get("stream", "vm/local/file")),
    followFrames(await bed.get("stream", "vm/local/file")),
  ];
  await stays.waitFor("heartbeats", ({ heartbeats }) => heartbeats > 1);
  expect(openFiles()).toBe(2);
  await leaves.leave();
  await until("one to be closed", () => openFiles() === 1);
  appendFileSync(file, "last words");
  rmSync(file);
  await stays.waitFor("the end", ({ ended }) => ended);
  expect([stays.text, stays.events]).toEqual(["hello, world\nlast words", ["file deleted"]]);
});

test("a disk is read no faster than it is taken, and clients that go away in the middle leave nothing open", async () => {
  await using bed = await serveFiles();
  const disk = join(bed.local, "disk");
  writeFileSync(disk, "");
  truncateSync(disk, 8 * 2 ** 30);
  expect(await parseReply(FileInfoSchema, await bed.get("stat", "vm/local/disk"))).toMatchObject({ Size: 8 * 2 ** 30 });
  const before = process.memoryUsage.rss();
  const clients = Array.from({ length: 20 }, () => {
    const client = connect(bed.socket);
    client.pause();
    client.on("error", () => undefined);
    client.write(`GET /v1/client/fs/cat/${ID}?path=vm/local/disk HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    return client;
  });
  await until("all to be read", () => openFiles() === clients.length);
  for (let count = 0; count < 50; count++) await bed.fetch("/v1/regions");
  expect(process.memoryUsage.rss() - before).toBeLessThan(256 << 20);
  for (const client of clients) client.destroy();
  await until("all to be closed", () => openFiles() === 0);
  expect(await bed.text("readat", "vm/local/disk", `&offset=${8 * 2 ** 30 - 3}`)).toBe("\0\0\0");
});

test("a file that shrinks ends early", async () => {
  await using bed = await serveFiles();
  const file = join(bed.local, "shrinking");
  writeFileSync(file, "x".repeat(4 << 20));
  const reply = await bed.get("cat", "vm/local/shrinking");
  truncateSync(file, 10);
  expect((await reply.text()).length).toBeLessThanOrEqual(4 << 20);
  await until("nothing to be open", () => openFiles() === 0);
});
