import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Journal, readJournal, removeJournal, writeJournal } from "../../../../src/artifact/download/journal.ts";
import { type ArtifactPlan, planArtifact } from "../../../../src/artifact/plan.ts";
import { taskDirs } from "../../../../src/paths.ts";
import { tempDir } from "../../../helpers/temp.ts";

const JOURNAL: Journal = {
  version: { validator: { kind: "etag", value: '"a"' }, total: null },
  bytes: 5,
  hex: "00",
  islands: [],
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

/** A journal of an empty directory. */
function journalIn(dir: string) {
  const dirs = taskDirs({ dataDir: dir, runDir: dir }, "id", "vm");
  mkdirSync(dirs.alloc, { recursive: true });
  const artifact = { headers: {}, options: {}, destination: "local/", mode: "any", insecure: false } as const;
  const plan = planArtifact({ source: "http://h/a.img", ...artifact }, dirs);
  const path = (): string => join(dirs.alloc, readdirSync(dirs.alloc)[0] ?? "none");
  return { plan, path };
}

const islandsOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ start: at * 100 + 10, end: at * 100 + 90, hex: "00".repeat(32) }));

test("what lies behind gaps is kept with it, a long list of it too", async () => {
  await using dir = tempDir();
  const { plan } = journalIn(dir.path);
  for (const islands of [islandsOf(2), islandsOf(256), []]) {
    writeJournal(plan, { ...JOURNAL, islands });
    expect(readJournal(plan)?.islands).toEqual(expect.arrayContaining(islands));
  }
  writeJournal(plan, { ...JOURNAL, islands: islandsOf(100_000) });
  expect(readJournal(plan)?.islands).toEqual(islandsOf(256));
});

test("a journal that was torn, or is that of a former version, has at least its beginning", async () => {
  await using dir = tempDir();
  const { plan, path } = journalIn(dir.path);
  writeJournal(plan, { ...JOURNAL, islands: islandsOf(100) });
  const whole = readFileSync(path());
  for (let length = 4096; length < whole.length; length += 61) {
    const torn = Buffer.concat([
      whole.subarray(0, length),
      Buffer.from('"start":7}\n{"start":9,"end":3,"hex":""}\nnull\n'),
    ]);
    writeFileSync(path(), torn);
    const { islands = [], ...front } = readJournal(plan) ?? {};
    expect(front).toMatchObject({ bytes: 5, hex: "00" });
    expect(islandsOf(100)).toEqual(expect.arrayContaining([...islands]));
    expect(islands.length).toBeGreaterThanOrEqual(Math.floor((length - 4096) / 110) - 1);
  }
  const former = whole.subarray(0, 4095);
  writeFileSync(path(), former);
  expect(readJournal(plan)).toMatchObject({ bytes: 5, islands: [] });
});

test.skipIf(process.getuid?.() === 0)("a journal that cannot be read is none", async () => {
  await using dir = tempDir();
  const { plan, path } = journalIn(dir.path);
  writeJournal(plan, JOURNAL);
  chmodSync(path(), 0);
  expect(readJournal(plan)).toBeUndefined();
});
