import { describe, expect, test } from "bun:test";
import { chownSync, linkSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sum, type Wanted } from "../helpers/artifact.ts";
import { brokenDownloads, CHANGED, ETAG, FILE, IMAGE, NOW, OFTEN, OTHER } from "../helpers/broken-download.ts";
import { type PlainReply, rangeReply, type SeenRequest } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";

const { breakOff, each, expectNothingElse, get, journalPath, journals, left, partPath, result, here } =
  brokenDownloads();

describe("what came before is dropped", () => {
  const wholeAgain = async (wanted: Wanted = {}, body = IMAGE): Promise<void> => {
    expect(await get(wanted)).toMatchObject({ resumed: 0, checksum: sum("sha256", body), bytes: body.length });
    expect(result().equals(body)).toBe(true);
    expectNothingElse();
  };

  test("when the file has changed", async () => {
    await breakOff();
    each((request) => rangeReply(request, { body: OTHER, etag: '"two"' }));
    await wholeAgain({}, OTHER);
    expect(here.origin.count("/a.img")).toBe(2);
  });

  test("when it changed between two parts of one download", async () => {
    each((request, number) =>
      number === 1 ? rangeReply(request, FILE, { send: 1 << 20 }) : rangeReply(request, { body: OTHER, etag: '"two"' }),
    );
    expect((await get({}, { retry: OFTEN })).checksum).toBe(sum("sha256", OTHER));
    expect(result().equals(OTHER)).toBe(true);
  });

  const liars: [string, (request: SeenRequest) => PlainReply][] = [
    [
      "another range",
      (request) => rangeReply(request, FILE, { headers: { "content-range": `bytes 0-9/${IMAGE.length}` } }),
    ],
    ["no range", (request) => rangeReply(request, FILE, { headers: { "content-range": null } })],
    ["a range that is none", (request) => rangeReply(request, FILE, { headers: { "content-range": "bytes x" } })],
    [
      "another size",
      (request) =>
        rangeReply(request, FILE, { headers: { "content-range": `bytes ${1 << 20}-${(3 << 20) - 1}/99999999` } }),
    ],
    ["another ETag", (request) => rangeReply(request, FILE, { headers: { etag: '"two"' } })],
    ["416", () => ({ kind: "status", status: 416 })],
  ];
  test.each(liars)("when the server answers with %s", async (_, answer) => {
    await breakOff();
    each((request) =>
      request.headers["range"] === undefined ? rangeReply(request, { body: OTHER, etag: '"two"' }) : answer(request),
    );
    await wholeAgain({}, OTHER);
    expect(here.origin.requests.at(-1)?.headers["range"]).toBeUndefined();
  });

  test("when the server knows no ranges", async () => {
    await breakOff();
    here.origin.set("/a.img", { kind: "bytes", body: IMAGE });
    await wholeAgain();
  });

  const unproved: [string, Readonly<Record<string, string>>][] = [
    ["nothing", {}],
    ["a weak ETag", { etag: 'W/"one"' }],
    ["a broken ETag", { etag: '"one' }],
    ["a date that is too young", { "last-modified": NOW, date: NOW }],
    ["a date without a clock", { "last-modified": CHANGED }],
    ["a word that it serves no ranges", { etag: ETAG, "accept-ranges": "none" }],
  ];
  test.each(unproved)("at once, when the server gave %s to tell the file by", async (_, headers) => {
    each(() => ({ kind: "raw", status: 200, headers, body: IMAGE, send: 1 << 20 }));
    await refusal(get());
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
  });

  test("when another request brought it: other headers may bring another file", async () => {
    await breakOff({ headers: { "X-Tenant": "a" } });
    each((request) => rangeReply(request, { body: OTHER, etag: ETAG }));
    await wholeAgain({ headers: { "X-Tenant": "b" } }, OTHER);
    expect(here.origin.requests.at(-1)?.headers["range"]).toBeUndefined();
  });

  test("by a failure that a later try would meet again", async () => {
    await breakOff();
    each((request) => rangeReply(request, FILE));
    expect((await refusal(get({ checksum: sum("sha256", OTHER) }))).message).toContain("checksum of");
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
    await breakOff();
    here.origin.set("/a.img", { kind: "status", status: 404 });
    await refusal(get());
    expect(left()).toEqual([]);
    expect(journals()).toEqual([]);
  });

  test("when a longer file comes than was announced", async () => {
    const there = await breakOff();
    const more = Buffer.concat([IMAGE.subarray(there), Buffer.alloc(100)]);
    const body = Buffer.concat([Buffer.from(`${more.length.toString(16)}\r\n`), more, Buffer.from("\r\n0\r\n\r\n")]);
    const headers = { "content-length": null, "transfer-encoding": "chunked" };
    each((request) => rangeReply(request, FILE, { body, headers }));
    expect((await refusal(get())).message).toContain(`expected ${IMAGE.length} bytes, got more`);
    expect(left()).toEqual([]);
  });
});

describe("what was left is believed only as far as it is proved", () => {
  const again = async (resumed: number): Promise<void> => {
    each((request) => rangeReply(request, FILE));
    expect((await get()).resumed).toBe(resumed);
    expect(result().equals(IMAGE)).toBe(true);
    expectNothingElse();
  };

  test("bytes behind those of the journal are not: they may not have reached the disk", async () => {
    const there = await breakOff();
    writeFileSync(partPath(), Buffer.concat([IMAGE.subarray(0, there), Buffer.alloc(IMAGE.length)]));
    await again(there);
  });

  test("a byte that changed makes it worthless", async () => {
    await breakOff();
    const part = readFileSync(partPath());
    part[100] = (part[100] ?? 0) ^ 1;
    writeFileSync(partPath(), part);
    await again(0);
  });

  test("so does a missing end", async () => {
    const there = await breakOff();
    writeFileSync(partPath(), IMAGE.subarray(0, there - 1));
    await again(0);
  });

  test.each(["", "{", "null", "[]", '{"format":1}', "x".repeat(20_000)])("and a journal like %p", async (text) => {
    await breakOff();
    writeFileSync(journalPath(), text.slice(0, 20_000));
    await again(0);
  });

  test("a journal with sizes that cannot be", async () => {
    for (const bytes of [-1, 0, 1.5, 1e300, "5", null]) {
      await breakOff();
      const journal = JSON.parse(readFileSync(journalPath(), "utf8"));
      writeFileSync(journalPath(), JSON.stringify({ ...journal, bytes }));
      await again(0);
      rmSync(join(here.dirs.local, "a.img"));
    }
  });

  test("a link in the part file's place is not followed", async () => {
    const there = await breakOff();
    renameSync(partPath(), here.dir.file("precious"));
    symlinkSync(here.dir.file("precious"), partPath());
    await again(0);
    expect(readFileSync(here.dir.file("precious")).length).toBe(there);
  });

  test("nor is a file written to that has another name too", async () => {
    const there = await breakOff();
    renameSync(partPath(), here.dir.file("precious"));
    linkSync(here.dir.file("precious"), partPath());
    await again(0);
    expect(readFileSync(here.dir.file("precious")).length).toBe(there);
  });

  test.skipIf(process.getuid?.() !== 0)(
    "nor one that belongs to somebody else, who may still have it open",
    async () => {
      await breakOff();
      chownSync(partPath(), 65534, 65534);
      await again(0);
    },
  );
});
