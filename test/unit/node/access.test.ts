import { expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { findDenied, type Wanted } from "../../../src/node/access.ts";
import { tempDir } from "../../helpers/temp.ts";

const USER = { uid: 71_600, gid: 71_600 };
const asRoot = test.skipIf(process.getuid?.() !== 0);

asRoot("a user is denied what modes, owners and closed directories deny it", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("open"));
  mkdirSync(dir.file("closed"), { mode: 0o700 });
  mkdirSync(dir.file("own"), { mode: 0o700 });
  chownSync(dir.file("own"), USER.uid, USER.gid);
  for (const [path, mode] of [
    ["open/all", 0o666],
    ["open/readable", 0o644],
    ["open/secret", 0o600],
    ["open/-name with a $ and a\nline", 0o600],
    ["closed/all", 0o666],
  ] as const) {
    writeFileSync(dir.file(path), "x");
    chmodSync(dir.file(path), mode);
  }
  const ask = (access: Wanted["access"], path: string): Wanted => ({ access, path });
  const denied = [
    ask("write", dir.file("open/readable")),
    ask("read", dir.file("open/secret")),
    ask("read", dir.file("open/-name with a $ and a\nline")),
    ask("read", dir.file("closed/all")),
    ask("pass", dir.file("closed")),
    ask("create", dir.file("open", "new")),
    ask("create", dir.file("open", "readable")),
    ask("create", "/new"),
    // There or not, the user cannot know.
    ask("read", dir.file("closed/none")),
    ask("read", dir.file("closed/none/deep")),
    ask("create", dir.file("closed/none/deep")),
  ];
  const allowed = [
    ask("read", dir.file("open/readable")),
    ask("write", dir.file("open/all")),
    ask("pass", dir.file("open")),
    ask("create", dir.file("own", "new")),
    ask("create", dir.file("open", "all")),
    // What is not there is for QEMU to say.
    ask("read", dir.file("open", "none")),
    ask("write", dir.file("open", "none", "deep")),
    ask("read", "/none"),
  ];
  expect(await findDenied(USER, [...denied, ...allowed])).toEqual(denied);
  expect(await findDenied(USER, [...allowed, ...denied])).toEqual(denied);
});

test("nothing is started to ask nothing", async () => {
  expect(await findDenied({ uid: -7, gid: -7 }, [])).toEqual([]);
});
