import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { allocDir, allocsDir, databaseFile, taskDirs } from "../../src/paths.ts";
import { openStore } from "../../src/state/store.ts";
import { endedId, putEnded } from "../helpers/ended.ts";
import { killSometime } from "../helpers/kill-sometime.ts";
import { randomBelow } from "../helpers/random.ts";
import { tempDir } from "../helpers/temp.ts";

const ROUNDS = 10;
const random = randomBelow(10);
const COUNT = 40;

test("an agent that is killed at any instant of removing leaves no allocation half there, and the next one goes on", async () => {
  await using dir = tempDir();
  const dirs = { dataDir: dir.file("data"), runDir: dir.file("run") };
  putEnded(dirs, { count: COUNT, files: 60 });
  const script = join(import.meta.dirname, "garbage", "collect-all.ts");
  const start = () => Bun.spawn([process.execPath, script, dir.path], { stdio: ["ignore", "pipe", "inherit"] });
  /** Whatever is listed is whole, and whatever is not is being removed or gone. @returns how many are listed. */
  const look = (): number => {
    const store = openStore(databaseFile(dirs));
    try {
      const listed = store.allocations({}).map(({ id }) => id);
      const removing = store.openCollections().map(({ allocationId }) => allocationId);
      for (const id of listed) {
        expect(readdirSync(taskDirs(dirs, id, "vm").local)).toHaveLength(60);
        expect(readFileSync(join(allocDir(dirs, id), ".whole"), "utf8")).toBe("60");
        expect(store.events(id, "vm")).toHaveLength(1);
      }
      const there = readdirSync(allocsDir(dirs));
      expect(there.filter((id) => !listed.includes(id) && !removing.includes(id))).toEqual([]);
      return listed.length;
    } finally {
      store.close();
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    await killSometime(start(), random(40));
    expect(look()).toBeGreaterThan(0);
  }
  expect(await start().exited).toBe(0);
  expect(look()).toBe(1);
  expect(readdirSync(allocsDir(dirs))).toEqual([endedId(COUNT - 1)]);
  expect(existsSync(allocDir(dirs, endedId(0)))).toBe(false);
}, 120_000);
