import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Progress } from "../../src/artifact/download/progress.ts";
import { AppError } from "../../src/base/errors.ts";
import { sum } from "../helpers/artifact.ts";
import { brokenDownloads, ETAG, FILE, IMAGE, OFTEN, OTHER } from "../helpers/broken-download.ts";
import { type Pace, type PlainReply, type rangeReply, type SeenRequest, startOrigin } from "../helpers/origin.ts";
import { isPart, ODD_REPLIES, SOON, slowly, waitingForParts } from "../helpers/ranged-download.ts";
import { refusal } from "../helpers/refusal.ts";

const { each, expectNothingElse, get, journals, left, result, here } = brokenDownloads();

const parts = () => here.origin.requests.filter(isPart);

/** The pace of a first connection that has nothing to say any more once parts come. */
const silent = (): Pace => ({ chunk: parts().length > 0 ? 0 : 1 << 10, every: 4 });

/** Whoever limits each connection, and has the first one wait for the others. */
const limited = (request: SeenRequest, more: Parameters<typeof rangeReply>[2] = {}, file = FILE): PlainReply =>
  slowly(request, { pace: waitingForParts(here.origin), ...more }, file);

const expectImage = (): void => {
  expect(result().equals(IMAGE)).toBe(true);
  expectNothingElse();
};

setDefaultTimeout(60_000);

/** Short where somebody is to be silent; a busy host is silent for a while, too. */
const silenceOf = (reply: string): number => (reply.includes("stalls") ? 1_500 : 30_000);

describe("several connections at once", () => {
  test("bring a file from a server that limits each of them", async () => {
    const pace = { chunk: 16 << 10, every: 5 };
    each((request) => limited(request, { pace: waitingForParts(here.origin, { pace }) }));
    const seen: Progress[] = [];
    const onProgress = (progress: Progress): void => void seen.push(progress);
    const ranges = { ...SOON, warmMillis: 50, measureMillis: 150 };
    const acquired = await get({}, { ranges, onProgress });
    expect(acquired).toMatchObject({ bytes: IMAGE.length, checksum: sum("sha256", IMAGE), resumed: 0 });
    expectImage();
    expect(parts().length).toBeGreaterThan(5);
    expect(parts().every(({ headers }) => headers["if-range"] === ETAG)).toBe(true);
    expect(seen.map(({ bytes }) => bytes)).toEqual(seen.map(({ bytes }) => bytes).sort((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({ bytes: IMAGE.length, total: IMAGE.length });
  });

  test("ask for each byte once", async () => {
    each((request) => limited(request));
    await get({}, { ranges: SOON });
    const asked = parts().map(({ headers }) => headers["range"]?.match(/\d+/g)?.map(Number) ?? []);
    const inOrder = asked.toSorted(([a = 0], [b = 0]) => a - b);
    for (const [at, [first]] of inOrder.entries()) {
      if (at > 0) expect(first).toBe((inOrder[at - 1]?.[1] ?? 0) + 1);
    }
    expect(inOrder.at(-1)?.[1]).toBe(IMAGE.length - 1);
    expectImage();
  });

  test("are no more than the configuration allows", async () => {
    each((request) => slowly(request));
    await get({ rules: { connections: 1 } }, { ranges: SOON });
    expect(here.origin.requests).toHaveLength(1);
    expectImage();
  });

  test.each([
    ["does not say that it gives parts", { headers: { "accept-ranges": null } }],
    ["says that it gives none", { headers: { "accept-ranges": "none" } }],
    ["has only a weak ETag", { headers: { etag: 'W/"one"' } }],
    ["has no ETag", { headers: { etag: null } }],
  ])("are not asked of a server that %s", async (_, more) => {
    each((request) => slowly(request, more));
    await get({}, { ranges: SOON });
    expect(here.origin.requests).toHaveLength(1);
    expectImage();
  });

  test("are given up when they bring nothing, and the first one goes on as if nothing had been", async () => {
    each((request) => limited(request));
    await get({}, { ranges: { ...SOON, gain: Number.POSITIVE_INFINITY } });
    expect(here.origin.requests.filter((request) => !isPart(request))).toHaveLength(1);
    expect(parts()).not.toHaveLength(0);
    expectImage();
  });

  test("are one more once the first one has brought its part", async () => {
    // No part comes before the next one was asked for, but the last.
    const held = (asked: number) => (): Pace => ({ chunk: parts().length > asked ? 48 << 10 : 0, every: 4 });
    each((request) => {
      const isLast = request.headers["range"]?.endsWith(`-${IMAGE.length - 1}`) === true;
      return isPart(request) && !isLast ? slowly(request, { pace: held(parts().length) }) : limited(request);
    });
    await get({ rules: { connections: 2 } }, { ranges: SOON });
    expect(parts().length).toBeGreaterThan(5);
    expectImage();
  });

  test("go on where a broken download stands", async () => {
    each((request) => slowly(request, { send: 1 << 20 }));
    await refusal(get({}, { ranges: { ...SOON, leastBytes: 1 << 30 } }));
    each((request) => limited(request));
    expect((await get({}, { ranges: SOON })).resumed).toBeWithin(1, (1 << 20) + 1);
    expect(parts().length).toBeGreaterThan(2);
    expectImage();
  });
});

describe("a source that answers a request for a part with", () => {
  test.each(Object.keys(ODD_REPLIES))("%s does no harm to the file", async (name) => {
    each((request) => (isPart(request) ? (ODD_REPLIES[name]?.(request) ?? { kind: "hang-up" }) : limited(request)));
    await get({}, { ranges: SOON, stallMillis: silenceOf(name), retry: OFTEN });
    expectImage();
    expect(parts()).not.toHaveLength(0);
  });

  test.each([
    "all of the file",
    "all of another file",
    "429",
    "a part of another file",
    "the part before it, which overlaps",
    "a longer part",
    "a part that breaks off",
    "a part that stalls",
  ])("%s, once it relies on parts, does none either", async (name) => {
    each((request) => {
      const isOdd = isPart(request) && parts().length > 8;
      return isOdd ? (ODD_REPLIES[name]?.(request) ?? { kind: "hang-up" }) : limited(request);
    });
    await get({}, { ranges: SOON, stallMillis: silenceOf(name), retry: OFTEN });
    expectImage();
    expect(parts().length).toBeGreaterThan(8);
  });

  test("429 is asked by the one connection that it allows, which was not disturbed", async () => {
    each((request) => (isPart(request) ? { kind: "status", status: 429 } : limited(request)));
    await get({}, { ranges: { ...SOON, gain: Number.POSITIVE_INFINITY } });
    expectImage();
    expect(here.origin.requests.filter((request) => !isPart(request))).toHaveLength(1);
    expect(parts().length).toBeLessThanOrEqual(3);
  });
});

describe("a source is asked for no more parts", () => {
  const BROKEN = { send: 2 << 20 };
  const wholes = () => here.origin.requests.filter((request) => !isPart(request));

  test("once they have brought nothing, also when the one connection breaks later", async () => {
    let before = 0;
    each((request) => {
      if (!isPart(request)) before = parts().length;
      if (isPart(request)) return limited(request);
      return wholes().length > 1 ? limited(request, { pace: { chunk: 16 << 10, every: 5 } }) : limited(request, BROKEN);
    });
    await get({}, { ranges: { ...SOON, gain: Number.POSITIVE_INFINITY }, retry: OFTEN });
    expectImage();
    expect(wholes()).toHaveLength(2);
    expect(before).toBeGreaterThan(0);
    expect(parts()).toHaveLength(before);
  });

  test("once it has answered something else", async () => {
    each((request) => {
      const odd = isPart(request) && parts().length > 8 ? ODD_REPLIES["a longer part"] : undefined;
      return odd?.(request) ?? limited(request);
    });
    await get({}, { ranges: SOON, retry: OFTEN });
    expectImage();
    // Four are under way when one of them is odd.
    expect(parts().length).toBeLessThanOrEqual(12);
  });

  test("when its connections broke three times before they had brought much", async () => {
    each((request) => {
      if (isPart(request))
        return slowly(request, { send: 64 << 10, end: "reset", pace: { chunk: 4 << 10, every: 20 } });
      return slowly(request, { pace: { chunk: 16 << 10, every: 5 } });
    });
    await get({}, { ranges: { ...SOON, leastBytes: 1 << 20 }, retry: OFTEN });
    expectImage();
    expect(parts()).not.toHaveLength(0);
    expect(wholes().length).toBeLessThanOrEqual(4);
  });
});

test("one part that stalls in the middle is brought by another connection", async () => {
  each((request) => limited(request, isPart(request) && parts().length === 8 ? { send: 40_000, end: "silence" } : {}));
  // Long before the only connection would be given up.
  await get({}, { ranges: { ...SOON, silenceMillis: silenceOf("stalls") }, stallMillis: 600_000, retry: OFTEN });
  expectImage();
  expect(here.origin.served()).toBeLessThan(IMAGE.length * 1.5);
});

test("connections that break at any place lose nothing", async () => {
  each((request, number) => limited(request, { send: 30_000 + ((number * 7919 * 4099) % 500_000), end: "reset" }));
  await get({ checksum: sum("sha256", IMAGE) }, { ranges: SOON, retry: { ...OFTEN, tries: 30 } });
  expectImage();
});

test("a file that changes while its parts are fetched is fetched anew", async () => {
  let isOther = false;
  each((request) => {
    // By then the first connection has brought its part.
    isOther ||= isPart(request) && Number(/\d+/.exec(request.headers["range"] ?? "")?.[0]) > 2 * (1 << 20);
    const pace = waitingForParts(here.origin, { pace: { chunk: 16 << 10, every: 5 } });
    return limited(request, { pace }, isOther ? { body: OTHER, etag: '"two"' } : undefined);
  });
  await get({}, { ranges: SOON, retry: OFTEN });
  expect(result().equals(OTHER)).toBe(true);
  expectNothingElse();
});

test("parts of another file under the same ETag do not pass for the file", async () => {
  const answer = (mixed: boolean) =>
    each((request) => limited(request, {}, isPart(request) && mixed ? { body: OTHER, etag: ETAG } : undefined));
  answer(true);
  const error = await refusal(get({ checksum: sum("sha256", IMAGE) }, { ranges: SOON }));
  expect(error.message).toContain("checksum");
  expect(left()).toEqual([]);
  // Nobody can tell without a checksum; what is told is the checksum of what is there.
  const { checksum } = await get({}, { ranges: SOON });
  expect(checksum).toBe(sum("sha256", result()));
});

test("a disk that fails under a part ends the whole download, with what the disk said", async () => {
  // The first connection has nothing to write, and does not hear of it by itself.
  each((request) => slowly(request, { pace: isPart(request) ? { chunk: 4 << 10, every: 10 } : silent }));
  const onProgress = (): void => {
    if (parts().length > 0) throw new AppError("fetch", "the disk is full");
  };
  const error = await refusal(get({}, { ranges: SOON, retry: OFTEN, onProgress }));
  expect(error.message).toBe("the disk is full");
  expect(left()).toEqual([]);
  expect(here.origin.requests.filter((request) => !isPart(request))).toHaveLength(1);
});

test("a download that is cancelled while parts come leaves nothing", async () => {
  const cancel = new AbortController();
  each((request) => {
    if (parts().length > 8) cancel.abort();
    return limited(request);
  });
  expect((await refusal(get({}, { ranges: SOON, signal: cancel.signal }))).message).toContain("cancelled");
  expect(left()).toEqual([]);
  expect(journals()).toEqual([]);
});

test("each part is asked for by the rules of a download: redirects checked, credentials only for their own host", async () => {
  await using other = await startOrigin({});
  other.set("/b", { kind: "each", answer: (request) => limited(request) });
  here.origin.set("/a.img", { kind: "redirect", to: other.url("/b") });
  await get({ headers: { authorization: "Bearer s3cret" } }, { ranges: SOON });
  expectImage();
  expect(here.origin.requests).toHaveLength(other.requests.length);
  expect(here.origin.requests.every(({ headers }) => headers["authorization"] === "Bearer s3cret")).toBe(true);
  expect(other.requests.filter(isPart).length).toBeGreaterThan(5);
  expect(other.requests.some(({ headers }) => "authorization" in headers)).toBe(false);
  expect(other.requests.every(({ headers }) => headers["accept-encoding"] === "identity")).toBe(true);
});

test("each part of an S3 object is signed, and asked for by If-Match", async () => {
  here.origin.set("/bucket/a.img", { kind: "each", answer: (request) => limited(request) });
  const keys = { aws_access_key_id: "id", aws_access_key_secret: "s3cret", region: "r" };
  await here.get(`s3::${here.origin.url("/bucket/a.img")}`, { options: keys }, { ranges: SOON });
  expectImage();
  expect(parts().length).toBeGreaterThan(5);
  expect(parts().every(({ headers }) => headers["if-match"] === ETAG && headers["if-range"] === undefined)).toBe(true);
  expect(parts().every(({ headers }) => headers["authorization"]?.startsWith("AWS4-HMAC-SHA256"))).toBe(true);
});
