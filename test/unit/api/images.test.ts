import { beforeEach, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import type { PullOptions } from "../../../src/agent/pull.ts";
import { AppError } from "../../../src/base/errors.ts";
import { filesOf, formatKey } from "../../../src/cache/key.ts";
import { setAside } from "../../../src/cache/remove.ts";
import { ImageInfoSchema, ImageSchema, ImagesSchema, PruneReplySchema } from "../../../src/contract/image.ts";
import { refusalOf, type TestApi, testApi } from "../../helpers/api.ts";
import { putEntry } from "../../helpers/cache.ts";
import { imagesOf } from "../../helpers/cache-uses.ts";
import { allocation, ended, GRACEFUL, RUNNING, taskRecord } from "../../helpers/records.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
let cache: string;
let one: TestApi;
beforeEach(() => {
  cache = dir.file("cache");
  one = testApi();
  one.agent.images = imagesOf(dir.path, () => one.agent);
});

/** Gives an allocation another name of an entry's content. */
function use(key: Parameters<typeof filesOf>[1], allocId: string): void {
  mkdirSync(dir.file("alloc", allocId, "vm", "local"), { recursive: true });
  linkSync(filesOf(cache, key).content, dir.file("alloc", allocId, "vm", "local", `${key.hex.slice(0, 8)}.img`));
}

const ALLOC = "6f1d9b52-0000-4000-8000-000000000001";

test("a cache that cannot be read is told, with what to do", async () => {
  // Root may read everything; a file in the place of a directory is read by nobody.
  writeFileSync(cache, "");
  const { status, lines } = await refusalOf(await one.send("GET", "/v1/images"));
  expect(status).toBe(500);
  expect(lines[0]).toBe(`the cache in ${cache} cannot be read or changed: ENOTDIR`);
  expect(lines[1]).toStartWith("hint: the agent must be able to read and write there");
});

describe("GET /v1/images", () => {
  test("an agent that never fetched anything has none", async () => {
    expect(await one.read(ImagesSchema, "/v1/images")).toEqual({ Images: [], SetAside: [] });
  });

  test("lists each entry with its size, its source and who uses it", async () => {
    const used = putEntry(cache, Buffer.alloc(5000), "sha256", { source: "http://h/used.img" });
    const free = putEntry(cache, Buffer.from("free"), "md5");
    one.agent.put({ allocation: allocation({ id: ALLOC, jobId: "web", tasks: { vm: taskRecord(RUNNING) } }) });
    use(used, ALLOC);
    const { Images } = await one.read(ImagesSchema, "/v1/images");
    expect(Images.map(({ Checksum, Bytes, Links, Users }) => ({ Checksum, Bytes, Links, Users }))).toEqual([
      { Checksum: formatKey(free), Bytes: 4, Links: 0, Users: [] },
      { Checksum: formatKey(used), Bytes: 5000, Links: 1, Users: [{ AllocID: ALLOC, JobID: "web", Over: false }] },
    ]);
    const begun = await one.read(ImagesSchema, `/v1/images?prefix=${formatKey(used).slice(0, 12)}`);
    expect(begun.Images.map(({ Source }) => Source)).toEqual(["http://h/used.img"]);
  });

  test("tells of a damaged entry what is wrong, and what was set aside", async () => {
    const cut = putEntry(cache, Buffer.alloc(100));
    truncateSync(filesOf(cache, cut).content, 1);
    const gone = putEntry(cache, Buffer.from("gone"));
    setAside(cache, gone, 5);
    const { Images, SetAside } = await one.read(ImagesSchema, "/v1/images");
    expect(Images).toMatchObject([{ State: "damaged", Why: "its content has 1 bytes, expected 100" }]);
    expect(SetAside).toEqual([{ Name: `sha256-${gone.hex}`, Since: 5_000_000 }]);
  });
});

describe("GET /v1/image/:checksum", () => {
  test("tells what the file is", async () => {
    const key = putEntry(cache, Buffer.alloc(5000));
    const info = await one.read(ImageInfoSchema, `/v1/image/${formatKey(key)}`);
    expect(info.File).toMatchObject({ Format: "raw", VirtualSize: 5120, Refused: null });
  });

  test("an archive of several files is no image", async () => {
    const key = putEntry(cache, Buffer.alloc(5000), "sha256", { source: "https://h/disk.tar.gz?token=x" });
    expect((await one.read(ImageInfoSchema, `/v1/image/${formatKey(key)}`)).File).toBeNull();
  });

  test.each([
    ["sha256:9f86", 400],
    ["..%2f..%2fpaddock.db", 400],
    [`sha256:${"ab".repeat(32)}`, 404],
    [`md5:${"ab".repeat(16)}`, 400],
  ])("%s is refused", async (checksum, status) => {
    for (const method of ["GET", "DELETE"]) {
      expect((await refusalOf(await one.send(method, `/v1/image/${checksum}`))).status).toBe(status);
    }
    expect((await refusalOf(await one.send("PUT", `/v1/image/${checksum}/verify`))).status).toBe(status);
  });
});

describe("DELETE /v1/image/:checksum", () => {
  test("removes what nobody uses", async () => {
    const key = putEntry(cache, Buffer.from("x"));
    expect(await one.write(ImageSchema, "DELETE", `/v1/image/${formatKey(key)}`)).toMatchObject({ Bytes: 1 });
    expect((await one.read(ImagesSchema, "/v1/images")).Images).toEqual([]);
  });

  test("refuses what is in use and names the allocations, also those that have ended or that no record is left of", async () => {
    const key = putEntry(cache, Buffer.from("x"));
    const over = ALLOC.replace("6f1d9b52", "7a000000");
    const lost = ALLOC.replace("6f1d9b52", "8b000000");
    one.agent.put({ allocation: allocation({ id: ALLOC, jobId: "web", tasks: { vm: taskRecord(RUNNING) } }) });
    one.agent.put({ allocation: allocation({ id: over, jobId: "db", tasks: { vm: taskRecord(ended(GRACEFUL)) } }) });
    for (const id of [ALLOC, over, lost]) use(key, id);
    expect(await refusalOf(await one.send("DELETE", `/v1/image/${formatKey(key)}`))).toEqual({
      status: 409,
      lines: [
        `${formatKey(key)} is in use by`,
        '  allocation 6f1d9b52 of job "web"',
        '  allocation 7a000000 of job "db", which has ended',
        "  allocation 8b000000, which has ended",
        "hint: an allocation holds it as long as its directory is there; to remove it here would free nothing",
      ],
    });
  });

  test("refuses what has another name that no allocation has", async () => {
    const key = putEntry(cache, Buffer.from("x"));
    linkSync(filesOf(cache, key).content, dir.file("elsewhere"));
    const { lines } = await refusalOf(await one.send("DELETE", `/v1/image/${formatKey(key)}`));
    expect(lines[1]).toBe("  1 other name of its files, in no allocation");
  });
});

describe("PUT /v1/images/pull", () => {
  /** A download that goes on until somebody gives it up. */
  function endlessPull(): { signal: AbortSignal | undefined } {
    const seen: { signal: AbortSignal | undefined } = { signal: undefined };
    const run = async ({ signal, onMessage }: PullOptions): Promise<never> => {
      seen.signal = signal;
      onMessage("it begins");
      return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    one.agent.images = { ...one.agent.images, pull: () => ({ source: "http://h/a", run }) };
    return seen;
  }

  test("says when the agent stops, and that is the last word", async () => {
    const seen = endlessPull();
    const reply = await one.send("PUT", "/v1/images/pull", { GetterSource: "http://h/a" });
    one.stopping.abort();
    expect(seen.signal?.aborted).toBe(true);
    expect(await reply.text()).toBe(
      '{}{"Message":"it begins"}{"Error":{"Message":"the agent stops","Hint":"try again when it runs"}}',
    );
    expect(one.log.filter((line) => line.includes("[ERROR]"))).toEqual([]);
  });

  test("is given up when its reader goes away", async () => {
    const seen = endlessPull();
    const reply = await one.send("PUT", "/v1/images/pull", { GetterSource: "http://h/a" });
    await reply.body?.cancel();
    expect(seen.signal?.aborted).toBe(true);
  });

  test("is alive every second while it has nothing to tell", async () => {
    endlessPull();
    const reply = await one.send("PUT", "/v1/images/pull", { GetterSource: "http://h/a" });
    for (let second = 0; second < 2; second++) one.clock.advance(1_000);
    one.stopping.abort();
    expect(await reply.text()).toStartWith('{}{"Message":"it begins"}{}{}{"Error"');
  });

  test("tells a failure in the agent's words, and of one of its own nothing but that", async () => {
    const failing = (error: Error) => ({ source: "", run: () => Promise.reject(error) });
    for (const [error, message] of [
      [new AppError("fetch", "no such host", { hint: "look again" }), { Message: "no such host", Hint: "look again" }],
      [new Error("s3cret"), { Message: "internal error", Hint: "the agent's log has the details" }],
    ] as const) {
      one.agent.images = { ...one.agent.images, pull: () => failing(error) };
      const text = await (await one.send("PUT", "/v1/images/pull", { GetterSource: "http://h/a" })).text();
      expect(JSON.parse(text.slice(2))).toEqual({ Error: message });
    }
  });

  test.each([[{}], [{ GetterSource: 7 }], [{ GetterSource: "http://h/a", GetterHeaders: { a: 1 } }]])(
    "%p is refused",
    async (body) => {
      expect((await refusalOf(await one.send("PUT", "/v1/images/pull", body))).status).toBe(400);
    },
  );
});

describe("PUT /v1/images/prune", () => {
  const prune = (body: unknown) => one.write(PruneReplySchema, "PUT", "/v1/images/prune", body);

  test("removes by age, and by a dry run nothing", async () => {
    const old = putEntry(cache, Buffer.from("old"));
    expect((await prune({ MaxAge: 3600e9 })).Removed).toEqual([]);
    expect((await prune({ MaxAge: 0, DryRun: true })).Removed).toMatchObject([
      { Checksum: formatKey(old), Reason: "age" },
    ]);
    expect((await one.read(ImagesSchema, "/v1/images")).Images).toHaveLength(1);
    expect((await prune({ MaxAge: 0 })).Removed).toHaveLength(1);
    expect((await one.read(ImagesSchema, "/v1/images")).Images).toEqual([]);
  });

  test("leaves what is in use, whatever the rule", async () => {
    const used = putEntry(cache, Buffer.from("used"));
    putEntry(cache, Buffer.from("free"));
    use(used, ALLOC);
    expect((await prune({ MaxAge: 0, MaxBytes: 0 })).Removed).toHaveLength(1);
    expect((await one.read(ImagesSchema, "/v1/images")).Images).toMatchObject([{ Checksum: formatKey(used) }]);
  });

  test.each([{ MaxAge: 3600e9 }, { MaxBytes: 0 }])("removes what was set aside by %j", async (rule) => {
    setAside(cache, putEntry(cache, Buffer.from("x")), 5);
    expect((await prune({ MaxBytes: 2 ** 30 })).SetAside).toEqual([]);
    expect((await prune(rule)).SetAside).toHaveLength(1);
    expect((await one.read(ImagesSchema, "/v1/images")).SetAside).toEqual([]);
  });

  test.each([[{ MaxAge: -1 }], [{ MaxBytes: "1G" }], [{}], [[]]])("%p is refused", async (body) => {
    expect((await refusalOf(await one.send("PUT", "/v1/images/prune", body))).status).toBe(400);
  });
});

describe("PUT /v1/image/:checksum/verify", () => {
  test("tells in frames that every byte is right", async () => {
    const key = putEntry(cache, Buffer.alloc(5000));
    const reply = await one.send("PUT", `/v1/image/${formatKey(key)}/verify`);
    expect(reply.status).toBe(200);
    expect(await reply.text()).toBe('{}{"Verified":{"Sound":true,"Bytes":5000,"Why":"","SetAside":null}}');
  });

  test("tells what is wrong and where it lies now", async () => {
    const key = putEntry(cache, Buffer.alloc(5000));
    truncateSync(filesOf(cache, key).content, 1);
    const text = await (await one.send("PUT", `/v1/image/${formatKey(key)}/verify`)).text();
    expect(JSON.parse(text.slice(2))).toEqual({
      Verified: {
        Sound: false,
        Bytes: 0,
        Why: "its content has 1 bytes, expected 5000",
        SetAside: expect.stringContaining(dir.file("cache", "damaged", `sha256-${key.hex}.`)),
      },
    });
  });
});
