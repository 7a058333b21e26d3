import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listEntries, namesIn } from "../../src/cache/entry.ts";
import { artifactBench } from "../helpers/artifact.ts";
import { hexOf } from "../helpers/hash.ts";
import { randomBelow } from "../helpers/random.ts";
import { isPart, slowly, waitingForParts } from "../helpers/ranged-download.ts";
import { patiently } from "../helpers/until.ts";

const here = artifactBench();

const ROUNDS = 6;
const random = randomBelow(6);
const IMAGE = randomBytes(16 << 20);

test("an agent that is killed while parts come leaves a journal that tells the truth, and the next one goes on", async () => {
  const file = { body: IMAGE, etag: '"one"' };
  // 1.6 MB/s each: the journal is written each second.
  const answer = (request: Parameters<typeof slowly>[0]) =>
    slowly(request, { pace: waitingForParts(here.origin, { pace: { chunk: 16 << 10, every: 10 }, since }) }, file);
  let since = 0;
  here.origin.set("/d.img", { kind: "each", answer });
  const script = join(import.meta.dirname, "artifact", "acquire-ranges.ts");
  const start = () =>
    Bun.spawn([process.execPath, script, here.origin.url("/d.img"), here.dir.path], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  const parts = join(here.cache, "parts");
  const journalsThere = () => namesIn(here.cache).filter((each) => each.endsWith(".download"));
  let journals = 0;
  const isTrue = (): void => {
    for (const name of journalsThere()) {
      const { bytes, hex } = JSON.parse(readFileSync(join(here.cache, name), "utf8"));
      const [part = ""] = readdirSync(parts);
      const there = readFileSync(join(parts, part));
      expect(hexOf(there.subarray(0, bytes))).toBe(hex);
      expect(there.subarray(0, bytes).equals(IMAGE.subarray(0, bytes))).toBe(true);
      journals++;
    }
    expect(listEntries(here.cache).filter(({ found }) => found.kind !== "there")).toEqual([]);
  };
  for (let round = 0; round < ROUNDS && listEntries(here.cache).length === 0; round++) {
    since = here.origin.requests.length;
    const enough = here.origin.served() + (6 << 20) + random(6 << 20);
    const child = start();
    const isFarEnough = (): boolean => here.origin.served() >= enough && journalsThere().length > 0;
    await patiently("some of it to be there", () => isFarEnough() || child.exitCode !== null);
    child.kill("SIGKILL");
    await child.exited;
    isTrue();
  }
  expect(await start().exited).toBe(0);
  const [entry] = listEntries(here.cache);
  if (entry?.found.kind !== "there") throw new Error("nothing is in the cache");
  expect(readFileSync(entry.found.entry.files.content).equals(IMAGE)).toBe(true);
  expect(readdirSync(parts)).toEqual([]);
  expect(journals).toBeGreaterThan(0);
  expect(here.origin.requests.filter(isPart).length).toBeGreaterThan(20);
}, 300_000);
