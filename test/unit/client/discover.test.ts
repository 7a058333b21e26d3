import { expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { discoverAgent, explainSilence, refusedEntry } from "../../../src/client/discover.ts";
import { type TempDir, tempDir } from "../../helpers/temp.ts";

/** A server on a unix socket that accepts and says nothing. */
async function listenAt(path: string): Promise<AsyncDisposable> {
  mkdirSync(dirname(path), { recursive: true });
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

const asUser = (dir: TempDir, env: Record<string, string> = {}, flag?: string) =>
  discoverAgent({ flag, uid: process.getuid?.() || 1000, env: { XDG_RUNTIME_DIR: dir.path, ...env } });

test("-address comes before PADDOCK_ADDR, that before NOMAD_ADDR, and those before the sockets", async () => {
  await using dir = tempDir();
  await using _ = await listenAt(dir.file("paddock", "api.sock"));
  const env = { PADDOCK_ADDR: "http://paddock:1", NOMAD_ADDR: "http://nomad:1" };
  expect(await asUser(dir, env, "http://flag:1")).toEqual({ kind: "http", origin: "http://flag:1" });
  expect(await asUser(dir, env)).toEqual({ kind: "http", origin: "http://paddock:1" });
  expect(await asUser(dir, { ...env, PADDOCK_ADDR: "" })).toEqual({ kind: "http", origin: "http://nomad:1" });
  expect(await asUser(dir)).toEqual({ kind: "unix", path: dir.file("paddock", "api.sock") });
});

test("an address that is none is called by where it was given", async () => {
  await using dir = tempDir();
  await expect(asUser(dir, { NOMAD_ADDR: "nonsense" })).rejects.toThrow("NOMAD_ADDR: expected the address of an agent");
});

test("without an agent the message names each socket that was tried, and how to start one", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("paddock"));
  const message = (why: string) => `no agent answers; tried:\n  ${dir.file("paddock", "api.sock")}: ${why}\n`;
  const refused = (why: string) =>
    expect.objectContaining({
      code: "unavailable",
      message: expect.stringContaining(message(why)),
      hint: expect.stringContaining("paddock agent"),
    });
  await expect(asUser(dir)).rejects.toThrow(refused("no such socket"));
  writeFileSync(dir.file("paddock", "api.sock"), "");
  await expect(asUser(dir)).rejects.toThrow(refused("not a socket"));
});

test("whoever answers in a directory that another user made, or that everybody may write to, is not talked to", async () => {
  await using dir = tempDir();
  await using _ = await listenAt(dir.file("paddock", "api.sock"));
  const place = dir.file("paddock");
  chmodSync(place, 0o777);
  await expect(asUser(dir)).rejects.toThrow(`${place}/api.sock: anybody may answer in ${place}\n`);
  chmodSync(place, 0o711);
  expect(await asUser(dir)).toEqual({ kind: "unix", path: `${place}/api.sock` });
  const uid = process.getuid?.() ?? 0;
  const other = { flag: undefined, uid: uid + 1, env: { XDG_RUNTIME_DIR: dir.path } };
  // Root's own are everybody's agent.
  if (uid === 0) expect(await discoverAgent(other)).toMatchObject({ kind: "unix" });
  else expect(discoverAgent(other)).rejects.toThrow(`somebody answers, but ${place} belongs to user ${uid}\n`);
});

test.skipIf(process.getuid?.() !== 0)(
  "another user's directory in the place of one's own is told with that user",
  async () => {
    await using dir = tempDir();
    await using _ = await listenAt(dir.file("paddock", "api.sock"));
    chownSync(dir.file("paddock"), 65_534, 65_534);
    await expect(asUser(dir)).rejects.toThrow(`somebody answers, but ${dir.file("paddock")} belongs to user 65534\n`);
  },
);

test("an address that was named and is silent says why", async () => {
  await using dir = tempDir();
  const path = dir.file("api.sock");
  expect(await explainSilence({ kind: "unix", path }, new Error("x"))).toMatchObject({
    message: `no agent answers at unix://${path}: no such socket`,
  });
  await using _ = await listenAt(path);
  expect(await explainSilence({ kind: "unix", path }, new Error("x"))).toMatchObject({
    message: `no agent answers at unix://${path}: it hung up in the middle of a reply`,
    hint: "look at the agent's log",
  });
});

test("a socket that may not be used names its user and its group, and how to get in", async () => {
  await using dir = tempDir();
  const path = dir.file("api.sock");
  writeFileSync(path, "");
  const id = (what: string): string => Bun.spawnSync(["id", what]).stdout.toString().trim();
  const user = id("-un");
  const error = refusedEntry(path);
  expect(error.message).toBe(`permission denied on the agent's socket ${path}`);
  expect(error.hint).toStartWith(`it is open to user ${user} and group `);
  expect(error.hint).toContain(`run the command as ${user}; `);
  if (id("-g") === "0")
    expect(error.hint).toEndWith("a group called paddock that is there when the agent starts may use it, too");
  else expect(error.hint).toEndWith(" USER");
  expect(refusedEntry(dir.file("gone.sock")).hint).toBeUndefined();
});

test("a socket in a directory that is closed to this user is told like any that may not be used", async () => {
  await using dir = tempDir();
  const path = dir.file("closed", "api.sock");
  mkdirSync(dir.file("closed"));
  writeFileSync(path, "");
  chmodSync(dir.file("closed"), 0);
  const asRoot = process.getuid?.() === 0;
  if (asRoot) process.seteuid?.(65534);
  try {
    expect(refusedEntry(path)).toMatchObject({
      code: "unavailable",
      message: `permission denied on the agent's socket ${path}`,
      hint: "a directory above it is closed to this user: run the command as the agent's user",
    });
  } finally {
    if (asRoot) process.seteuid?.(0);
    chmodSync(dir.file("closed"), 0o700);
  }
});
