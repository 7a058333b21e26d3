import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Journal, readJournal, removeJournal, writeJournal } from "../../../src/artifact/journal.ts";
import { type ArtifactPlan, planArtifact } from "../../../src/artifact/plan.ts";
import { taskDirs } from "../../../src/paths.ts";
import { tempDir } from "../../helpers/temp.ts";

const JOURNAL: Journal = {
  version: { validator: { kind: "etag", value: '"a"' }, total: null },
  bytes: 5,
  hex: "00",
};

test("a journal is for the same request only, holds no secret and is the agent's alone", async () => {
  await using dir = tempDir();
  const dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "vm");
  mkdirSync(dirs.alloc, { recursive: true });
  const plan = (source: string, headers: Record<string, string> = {}, options = {}): ArtifactPlan =>
    planArtifact({ source, headers, options, destination: "local/", mode: "any", insecure: false }, dirs);
  const secret = plan("http://u:s3cret@h/a.img?sig=s3cret", { "X-Token": "s3cret" });
  expect(readJournal(secret)).toBeUndefined();
  writeJournal(secret, JOURNAL);
  expect(readJournal(secret)).toMatchObject(JOURNAL);
  expect(readJournal({ ...secret, headers: { ...secret.headers, "user-agent": "paddock/99" } })).toMatchObject(JOURNAL);
  const longer = { ...JOURNAL, bytes: 123_456_789_012, hex: "00".repeat(64) };
  writeJournal(secret, longer);
  expect(readJournal(secret)).toMatchObject(longer);
  writeJournal(secret, JOURNAL);
  expect(readJournal(secret)).toMatchObject(JOURNAL);
  const others = [
    plan("http://u:s3cret@h/a.img?sig=other", { "X-Token": "s3cret" }),
    plan("http://u:other@h/a.img?sig=s3cret", { "X-Token": "s3cret" }),
    plan("http://u:s3cret@h/a.img?sig=s3cret", { "X-Token": "other" }),
    plan("http://u:s3cret@h/a.img?sig=s3cret", { "X-Token": "s3cret" }, { filename: "b" }),
    plan("http://u:s3cret@h/a.img?sig=s3cret", { "X-Token": "s3cret" }, { checksum: `md5:${"0".repeat(32)}` }),
  ];
  for (const other of others) expect(readJournal(other)).toBeUndefined();
  const [name = "", ...more] = readdirSync(dirs.alloc);
  expect(more).toEqual([]);
  expect(name).toMatch(/^\.[0-9a-f]{16}\.download$/);
  expect(readFileSync(join(dirs.alloc, name), "utf8")).not.toContain("s3cret");
  expect(statSync(join(dirs.alloc, name)).mode & 0o777).toBe(0o600);
  removeJournal(secret);
  removeJournal(secret);
  expect(readdirSync(dirs.alloc)).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)("a journal that cannot be read is none", async () => {
  await using dir = tempDir();
  const dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "vm");
  mkdirSync(dirs.alloc, { recursive: true });
  const source = "http://h/a.img";
  const plan = planArtifact(
    { source, headers: {}, options: {}, destination: "local/", mode: "any", insecure: false },
    dirs,
  );
  writeJournal(plan, JOURNAL);
  for (const name of readdirSync(dirs.alloc)) chmodSync(join(dirs.alloc, name), 0);
  expect(readJournal(plan)).toBeUndefined();
});
