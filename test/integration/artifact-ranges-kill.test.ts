import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { planForCache } from "../../src/artifact/bring.ts";
import { readJournal } from "../../src/artifact/download/journal.ts";
import { listEntries } from "../../src/cache/entry.ts";
import { artifactBench } from "../helpers/artifact.ts";
import { hexOf } from "../helpers/hash.ts";
import type { SeenRequest } from "../helpers/origin.ts";
import { randomBelow } from "../helpers/random.ts";
import {
  askedPart,
  holdingOne,
  inchingly,
  isPart,
  overlap,
  slowly,
  waitingForParts,
} from "../helpers/ranged-download.ts";
import { patiently } from "../helpers/until.ts";

const here = artifactBench();

const ROUNDS = 6;
const random = randomBelow(6);
const IMAGE = randomBytes(16 << 20);
const FILE = { body: IMAGE, etag: '"one"' };

/** Requests that earlier agents made. */
let since = 0;

/** 1.6 MB/s each: the journal is written each second. */
const steadily = (request: SeenRequest) =>
  slowly(request, { pace: waitingForParts(here.origin, { pace: { chunk: 16 << 10, every: 10 }, since }) }, FILE);

/** An agent that fetches the file. */
function start() {
  since = here.origin.requests.length;
  const script = join(import.meta.dirname, "artifact", "acquire-ranges.ts");
  return Bun.spawn([process.execPath, script, here.origin.url("/d.img"), here.dir.path], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

const journal = () => readJournal(planForCache(here.plan(here.origin.url("/d.img")), here.cache));

const parts = (): string => join(here.cache, "parts");

/** @returns whether there was a journal, each word of which is true. */
function isTrue(): boolean {
  expect(listEntries(here.cache).filter(({ found }) => found.kind !== "there")).toEqual([]);
  const found = journal();
  if (found === undefined) return false;
  const [part = ""] = readdirSync(parts());
  const there = readFileSync(join(parts(), part));
  for (const { start: from, end, hex } of [{ start: 0, end: found.bytes, hex: found.hex }, ...found.islands]) {
    expect(hexOf(there.subarray(from, end))).toBe(hex);
    expect(there.subarray(from, end).equals(IMAGE.subarray(from, end))).toBe(true);
  }
  return true;
}

async function expectWhole(): Promise<void> {
  expect(await start().exited).toBe(0);
  const [entry] = listEntries(here.cache);
  if (entry?.found.kind !== "there") throw new Error("nothing is in the cache");
  expect(readFileSync(entry.found.entry.files.content).equals(IMAGE)).toBe(true);
  expect(readdirSync(parts())).toEqual([]);
}

test("an agent that is killed while parts come leaves a journal that tells the truth, and the next one goes on", async () => {
  here.origin.set("/d.img", { kind: "each", answer: steadily });
  let journals = 0;
  for (let round = 0; round < ROUNDS && listEntries(here.cache).length === 0; round++) {
    const enough = here.origin.served() + (6 << 20) + random(6 << 20);
    const child = start();
    const isFarEnough = (): boolean => here.origin.served() >= enough && journal() !== undefined;
    await patiently("some of it to be there", () => isFarEnough() || child.exitCode !== null);
    child.kill("SIGKILL");
    await child.exited;
    if (isTrue()) journals++;
  }
  await expectWhole();
  expect(journals).toBeGreaterThan(0);
  expect(here.origin.requests.filter(isPart).length).toBeGreaterThan(20);
}, 300_000);

test("what lay behind a gap when the agent was killed is not fetched again", async () => {
  here.origin.set("/d.img", { kind: "each", answer: holdingOne((request) => inchingly(request, FILE), steadily) });
  const child = start();
  await patiently("what lies behind the gap to be in the journal", () => (journal()?.islands.length ?? 0) > 0);
  child.kill("SIGKILL");
  await child.exited;
  expect(isTrue()).toBe(true);
  const { bytes = 0, islands = [] } = journal() ?? {};
  expect(islands.reduce((sum, island) => sum + island.end - island.start, 0)).toBeGreaterThan(0);

  const before = here.origin.requests.length;
  here.origin.set("/d.img", { kind: "each", answer: steadily });
  await expectWhole();
  const [rest, ...more] = here.origin.requests.slice(before);
  expect(rest?.headers["range"]).toBe(`bytes=${bytes}-`);
  for (const request of more) {
    expect(isPart(request)).toBe(true);
    expect(islands.filter((island) => overlap(island, askedPart(request)))).toEqual([]);
  }
}, 300_000);
