import type { Island } from "../../src/artifact/download/islands.ts";
import type { RangeRule } from "../../src/artifact/download/range-trial.ts";
import { ETAG, FILE, IMAGE, OTHER } from "./broken-download.ts";
import { type Origin, type Pace, type PlainReply, rangeReply, type SeenRequest } from "./origin.ts";

/** Goes over to several connections after some 40 ms, for files of a few MiB, whatever they bring. */
export const SOON: RangeRule = {
  leastBytes: 256 << 10,
  pieceBytes: 128 << 10,
  warmMillis: 10,
  measureMillis: 30,
  gain: 0,
  silenceMillis: 10_000,
};

/** What each connection of a server bears that limits them: 12 MB/s. */
const PACE: Pace = { chunk: 48 << 10, every: 4 };
const CRAWL: Pace = { chunk: 1 << 10, every: 4 };
const CRAWL_BYTES = 1 << 20;

/**
 * The pace of a server whose first connection crawls for some seconds, until it is asked for a part. On a busy host a file that comes
 * at its pace may be there, in the kernel's buffers, before its reader has measured anything.
 * @param since requests before this one do not count.
 */
export function waitingForParts(
  { requests }: Origin,
  { pace = PACE, since = 0 }: { readonly pace?: Pace; readonly since?: number } = {},
): (sent: number) => Pace {
  return (sent) => (sent < CRAWL_BYTES && !requests.slice(since).some(isPart) ? CRAWL : pace);
}

/** A reply of a server that limits each connection; `more` changes it. */
export function slowly(request: SeenRequest, more: Parameters<typeof rangeReply>[2] = {}, file = FILE): PlainReply {
  return rangeReply(request, file, { pace: PACE, ...more });
}

/** Whether one of several connections asks, and not the only one. */
export function isPart({ headers }: SeenRequest): boolean {
  return /^bytes=\d+-\d+$/.test(headers["range"] ?? "");
}

/** The part that a request asks for; all of the file unless it says so. */
export function askedPart({ headers }: SeenRequest): Island {
  const [, first = 0, last = Number.POSITIVE_INFINITY] = /^bytes=(\d+)-(\d+)?$/.exec(headers["range"] ?? "") ?? [];
  return { start: Number(first), end: Number(last) + 1 };
}

export function overlap(one: Island, other: Island): boolean {
  return one.start < other.end && other.start < one.end;
}

/**
 * A server that holds up the `nth` part that it is asked for, so that the others leave it behind; `held` says what it answers to a request
 * for it.
 */
export function holdingOne(
  held: (request: SeenRequest) => PlainReply,
  others: (request: SeenRequest) => PlainReply,
  nth = 3,
): (request: SeenRequest) => PlainReply {
  const asked: number[] = [];
  return (request) => {
    const { start: from } = askedPart(request);
    if (isPart(request)) asked.push(from);
    const wanted = asked[nth - 1];
    const isHeld = wanted !== undefined && isPart(request) && from >= wanted && from < wanted + SOON.pieceBytes;
    return isHeld ? held(request) : others(request);
  };
}

/** Sends a byte each 50 ms: a part that is alive and does not come to its end. */
export function inchingly(request: SeenRequest, file = FILE): PlainReply {
  return rangeReply(request, file, { pace: { chunk: 1, every: 50 } });
}

/** Replies to a request for a part that a source may give by fault or by malice; none may harm the file. */
export const ODD_REPLIES: Readonly<Record<string, (request: SeenRequest) => PlainReply>> = {
  "all of the file": () => ({ kind: "raw", status: 200, body: IMAGE, headers: { etag: ETAG } }),
  "all of another file": () => ({
    kind: "raw",
    status: 200,
    body: Buffer.alloc(IMAGE.length),
    headers: { etag: '"2"' },
  }),
  "404": () => ({ kind: "status", status: 404 }),
  "403": () => ({ kind: "status", status: 403 }),
  "429": () => ({ kind: "status", status: 429 }),
  "503": () => ({ kind: "status", status: 503 }),
  "a hang-up": () => ({ kind: "hang-up" }),
  "a redirect to a file": () => ({ kind: "redirect", to: "file:///etc/passwd" }),
  "a redirect to itself": ({ path }) => ({ kind: "redirect", to: path }),
  "a part of another file": (request) => {
    const { "if-range": _, ...headers } = request.headers;
    return slowly({ ...request, headers }, {}, { body: OTHER, etag: '"2"' });
  },
  "a part of a longer file": (request) => shifted(request, { total: 1 }),
  "the part behind it": (request) => shifted(request, { first: 1, last: 1 }),
  "the part before it, which overlaps": (request) => shifted(request, { first: -1 }),
  "a longer part": (request) => shifted(request, { last: 1 }),
  "a shorter part": (request) => shifted(request, { last: -1 }),
  "more bytes than it says": (request) => padded(request, 100),
  "fewer bytes than it says": (request) => padded(request, -100),
  "no word on which part": (request) => slowly(request, { headers: { "content-range": null } }),
  "several parts at once": (request) =>
    slowly(request, { headers: { "content-range": null, "content-type": "multipart/byteranges; boundary=x" } }),
  "a part that is encoded": (request) => slowly(request, { headers: { "content-encoding": "gzip" } }),
  "a part that breaks off": (request) => slowly(request, { send: 50_000 }),
  "a part that is reset": (request) => slowly(request, { send: 50_000, end: "reset" }),
  "a part that stalls": (request) => slowly(request, { send: 50_000, end: "silence" }),
  "no such part": () => ({ kind: "status", status: 416 }),
  "that the file is another one": () => ({ kind: "status", status: 412 }),
};

/** Says that the part is another one than what was asked for, by so many bytes. */
function shifted(request: SeenRequest, by: { first?: number; last?: number; total?: number }): PlainReply {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers["range"] ?? "") ?? [];
  const from = Number(first) + (by.first ?? 0);
  const to = Number(last) + (by.last ?? 0);
  const headers = { etag: ETAG, "content-range": `bytes ${from}-${to}/${IMAGE.length + (by.total ?? 0)}` };
  return { kind: "raw", status: 206, body: IMAGE.subarray(from, to + 1), headers };
}

/** Sends more bytes than the part has, which are not the file's, or fewer, and says nothing of how many. */
function padded(request: SeenRequest, more: number): PlainReply {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers["range"] ?? "") ?? [];
  const range = `bytes ${first}-${last}/${IMAGE.length}`;
  const own = IMAGE.subarray(Number(first), Number(last) + 1 + Math.min(0, more));
  const body = Buffer.concat([own, Buffer.alloc(Math.max(0, more), "x")]);
  return { kind: "raw", status: 206, body, headers: { etag: ETAG, "content-range": range, "content-length": null } };
}
