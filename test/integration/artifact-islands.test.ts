import { expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { LEAVE } from "../../src/artifact/download/download.ts";
import { type Journal, readJournal, writeJournal } from "../../src/artifact/download/journal.ts";
import { sum } from "../helpers/artifact.ts";
import { brokenDownloads, ETAG, FILE, IMAGE, OFTEN, OTHER } from "../helpers/broken-download.ts";
import { hexOf } from "../helpers/hash.ts";
import { rangeReply, type SeenRequest } from "../helpers/origin.ts";
import {
  askedPart,
  holdingOne,
  inchingly,
  isPart,
  overlap,
  SOON,
  slowly,
  waitingForParts,
} from "../helpers/ranged-download.ts";
import { refusal } from "../helpers/refusal.ts";

const { each, expectNothingElse, get, here, left, partPath, plan, result } = brokenDownloads();

setDefaultTimeout(60_000);

/** Whoever limits each connection, and has the first one wait for the others. */
const limited = (request: SeenRequest, file = FILE) => slowly(request, { pace: waitingForParts(here.origin) }, file);

const parts = () => here.origin.requests.filter(isPart);

/** A download that is left for later while something of it lies behind a gap. */
async function leaveIslands(): Promise<Journal> {
  const cancel = new AbortController();
  const answer = holdingOne(inchingly, limited);
  each((request) => {
    // The others have brought what is behind the part that is held up.
    if (parts().length > 8) cancel.abort(LEAVE);
    return answer(request);
  });
  await refusal(get({}, { ranges: SOON, signal: cancel.signal }));
  expect(left()).toEqual(["a.img.part"]);
  const journal = readJournal(plan());
  if (journal === undefined || journal.islands.length === 0) throw new Error("nothing lies behind a gap");
  const there = readFileSync(partPath());
  for (const { start, end } of [{ start: 0, end: journal.bytes }, ...journal.islands]) {
    expect(there.subarray(start, end).equals(IMAGE.subarray(start, end))).toBe(true);
  }
  return journal;
}

/** The islands of which a request asks for something. */
const askedAgain = (request: SeenRequest, { islands }: Journal) =>
  islands.filter((island) => overlap(island, askedPart(request)));

const sizeOf = ({ bytes, islands }: Journal): number =>
  islands.reduce((sum, { start, end }) => sum + end - start, bytes);

test.each([1, 4])("what lies behind a gap is not fetched again, over %d connections", async (connections) => {
  const journal = await leaveIslands();
  const before = here.origin.requests.length;
  each((request) => rangeReply(request, FILE));
  expect((await get({ rules: { connections } }, { ranges: SOON })).resumed).toBe(sizeOf(journal));
  expect(result().equals(IMAGE)).toBe(true);
  expectNothingElse();
  const [rest, ...more] = here.origin.requests.slice(before);
  expect(rest?.headers["range"]).toBe(`bytes=${journal.bytes}-`);
  expect(more.every(isPart)).toBe(true);
  expect(more.flatMap((request) => askedAgain(request, journal))).toEqual([]);
});

test("what lies behind a gap and was damaged meanwhile is fetched again, and nothing else", async () => {
  const journal = await leaveIslands();
  const [{ start, end } = { start: 0, end: 0 }, ...whole] = journal.islands;
  const damaged = readFileSync(partPath());
  damaged.writeUInt8(255 - damaged.readUInt8(start), start);
  writeFileSync(partPath(), damaged);
  const before = here.origin.requests.length;
  each((request) => rangeReply(request, FILE));
  expect((await get({}, { ranges: SOON })).resumed).toBe(sizeOf(journal) - (end - start));
  expect(result().equals(IMAGE)).toBe(true);
  const more = here.origin.requests.slice(before + 1);
  expect(more.flatMap((request) => askedAgain(request, { ...journal, islands: whole }))).toEqual([]);
});

test("a part file that was cut behind a gap is gone on with as far as it reaches", async () => {
  const journal = await leaveIslands();
  truncateSync(partPath(), journal.bytes + 1);
  each((request) => rangeReply(request, FILE));
  expect((await get({}, { ranges: SOON })).resumed).toBe(journal.bytes);
  expect(result().equals(IMAGE)).toBe(true);
});

test.each([
  ["has another file by now", { body: OTHER, etag: '"two"' }, {}],
  ["gives no parts any more", { body: OTHER }, { headers: { "accept-ranges": "none" } }],
])("nothing of it is used when the source %s", async (_, file, more) => {
  await leaveIslands();
  each((request) => rangeReply(request, file, more));
  expect((await get({ checksum: sum("sha256", OTHER) }, { ranges: SOON })).resumed).toBe(0);
  expect(result().equals(OTHER)).toBe(true);
  expectNothingElse();
});

test("connections that all break leave what they brought to the request that goes on", async () => {
  const file = { body: randomBytes(8 << 20), etag: ETAG };
  const others = (request: SeenRequest) => limited(request, file);
  // Each time the others go on behind it meanwhile.
  const held = (request: SeenRequest) =>
    slowly(request, { pace: { chunk: 1, every: 50 }, send: 4, end: "reset" }, file);
  // By the thirtieth part nobody measures any more.
  each(holdingOne(held, others, 30));
  await get({}, { ranges: SOON, retry: OFTEN });
  expect(result().equals(file.body)).toBe(true);
  expectNothingElse();
  const { requests } = here.origin;
  const second = requests.findLastIndex((request) => !isPart(request));
  expect(second).toBeGreaterThan(30);
  const brought = requests.slice(1, second).map(askedPart);
  const again = requests
    .slice(second + 1)
    .filter((request) => brought.some((part) => overlap(part, askedPart(request))));
  // What the connections had in hand when they were ended.
  expect(again.length).toBeLessThanOrEqual(4);
});

test("an island behind the end of the file is none", async () => {
  const journal = await leaveIslands();
  truncateSync(partPath(), IMAGE.length + 20);
  const beyond = { start: IMAGE.length + 10, end: IMAGE.length + 20, hex: hexOf(Buffer.alloc(10)) };
  writeJournal(plan(), { ...journal, islands: [...journal.islands, beyond] });
  each((request) => rangeReply(request, FILE));
  expect((await get({}, { ranges: SOON })).resumed).toBe(sizeOf(journal));
  expect(result().equals(IMAGE)).toBe(true);
});

test("a part file that holds more than the journal says is cut to that", async () => {
  const journal = await leaveIslands();
  const end = Math.max(...journal.islands.map((island) => island.end));
  truncateSync(partPath(), IMAGE.length);
  const cancel = new AbortController();
  each((request) => {
    expect(statSync(partPath()).size).toBe(end);
    cancel.abort();
    return rangeReply(request, { body: IMAGE, etag: ETAG });
  });
  await refusal(get({}, { signal: cancel.signal }));
  expect(left()).toEqual([]);
});
