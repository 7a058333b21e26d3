import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../src/base/errors.ts";
import { listEntries, namesIn } from "../../src/cache/entry.ts";
import { tarOf } from "../helpers/archives.ts";
import { artifactBench, BODY, sum, type Wanted } from "../helpers/artifact.ts";
import { rangeReply } from "../helpers/origin.ts";
import { refusal } from "../helpers/refusal.ts";
import { until } from "../helpers/until.ts";

const here = artifactBench();
const { getByWorker } = here;

const url = (): string => here.origin.url("/a.img");
const parts = (): string[] => namesIn(join(here.cache, "parts"));

/** A source that sends the beginning, and the rest when it is told to. */
function holdBack(): () => void {
  here.origin.set("/a.img", { kind: "stall", body: BODY, send: 50_000 });
  return () => here.origin.set("/a.img", { kind: "bytes", body: BODY });
}

/** One that waits for the download, and how far it has heard of it. */
interface Waiter {
  readonly result: ReturnType<typeof getByWorker>;
  readonly seen: number[];
  readonly cancel: AbortController;
}

function wait(destination: string, wanted: Wanted = {}, stallMillis = 10_000): Waiter {
  const seen: number[] = [];
  const cancel = new AbortController();
  const result = getByWorker(
    url(),
    { destination, ...wanted },
    {
      ...{ signal: cancel.signal, stallMillis, retry: { tries: 3, firstMillis: 1, longestMillis: 1 } },
      onProgress: ({ bytes }) => void seen.push(bytes),
    },
  );
  // The test looks at it when it comes to it.
  result.catch(() => undefined);
  return { result, seen, cancel };
}

const slowly = (): void => here.origin.set("/a.img", { kind: "slow", body: BODY, chunk: 10_000, every: 60 });

test("all that wait for one file have it fetched once, and all hear how far it is", async () => {
  slowly();
  const waiters = ["local/1", "local/2", "local/3"].map((destination) => wait(destination));
  const got = await Promise.all(waiters.map(({ result }) => result));
  expect(here.origin.requests).toHaveLength(1);
  expect(got.map(({ checksum }) => checksum)).toEqual(waiters.map(() => sum("sha256")));
  expect(new Set(got.map(({ path }) => path)).size).toBe(3);
  for (const { seen } of waiters) expect(seen.at(-1)).toBe(BODY.length);
  expect(parts()).toEqual([]);
});

test("who comes later waits with the others, and is told at once how far it is", async () => {
  slowly();
  const first = wait("local/1");
  await until("some progress", () => first.seen.length > 0);
  const second = wait("local/2");
  await Promise.all([first.result, second.result]);
  // What the first one had heard by then, before the last bytes came.
  expect(first.seen.slice(0, -1)).toContain(second.seen[0] ?? -1);
  expect(here.origin.requests).toHaveLength(1);
});

test("who gives up is let go at once, and the others get theirs", async () => {
  const release = holdBack();
  const [one, other] = [wait("local/1", {}, 700), wait("local/2", {}, 700)];
  await until("the request", () => here.origin.requests.length > 0);
  one.cancel.abort();
  expect((await refusal(one.result)).message).toContain("cancelled");
  release();
  await other.result;
  expect(readFileSync(join(here.dirs.local, "2", "a.img")).equals(BODY)).toBe(true);
  expect(namesIn(join(here.dirs.local, "1"))).toEqual([]);
});

test("when all have given up nothing is fetched any more, and nothing stays", async () => {
  holdBack();
  const waiters = [wait("local/1"), wait("local/2")];
  await until("the request", () => here.origin.requests.length > 0);
  for (const { cancel } of waiters) cancel.abort();
  for (const { result } of waiters) expect((await refusal(result)).message).toContain("cancelled");
  expect(parts()).toEqual([]);
  expect(listEntries(here.cache)).toEqual([]);
});

test("what came stays when one of them wants to go on later", async () => {
  const body = Buffer.concat(Array.from({ length: 40 }, () => BODY));
  const file = { body, etag: '"one"' };
  here.origin.set("/a.img", {
    kind: "each",
    answer: (request) => rangeReply(request, file, { pace: { chunk: 64 << 10, every: 20 } }),
  });
  const [one, other] = [wait("local/1"), wait("local/2")];
  await until("some progress", () => one.seen.length > 0);
  one.cancel.abort(new AppError("unavailable", "the agent ends"));
  other.cancel.abort();
  for (const { result } of [one, other]) await refusal(result);
  expect(parts()).toHaveLength(1);
  expect((await wait("local/1").result).resumed).toBeGreaterThan(0);
});

test("all learn of a failure", async () => {
  here.origin.set("/a.img", { kind: "status", status: 404 });
  const waiters = [wait("local/1"), wait("local/2")];
  for (const { result } of waiters) expect((await refusal(result)).message).toContain("found 404");
  expect(here.origin.requests).toHaveLength(1);
  holdBack()();
  await wait("local/1").result;
});

test("who wants other bytes of the same source waits until its part file is free", async () => {
  slowly();
  const wrong = sum("sha256", Buffer.from("x"));
  const one = wait("local/1");
  await until("the request", () => here.origin.requests.length > 0);
  const right = wait("local/2", { checksum: sum("sha256") });
  const other = wait("local/3", { checksum: wrong });
  expect((await one.result).cached).toBe(false);
  expect((await right.result).cached).toBe(true);
  expect((await refusal(other.result)).message).toContain(`expected ${wrong}, got ${sum("sha256")}`);
  expect(here.origin.requests).toHaveLength(2);
});

test("who comes while a download is being given up begins one of its own", async () => {
  const release = holdBack();
  const first = wait("local/1");
  await until("the request", () => here.origin.requests.length > 0);
  release();
  first.cancel.abort();
  const second = wait("local/2");
  expect((await refusal(first.result)).message).toContain("cancelled");
  expect((await second.result).bytes).toBe(BODY.length);
  expect(here.origin.requests).toHaveLength(2);
});

test("an archive is unpacked for each that waits for it", async () => {
  here.origin.set("/a.tar", { kind: "slow", body: tarOf({ name: "x", body: "disk" }), chunk: 1000, every: 20 });
  const source = here.origin.url("/a.tar");
  const all = ["local/1", "local/2"].map((destination) => getByWorker(source, { destination }));
  expect((await Promise.all(all)).map(({ unpacked }) => unpacked?.files)).toEqual([1, 1]);
  for (const name of ["1", "2"]) expect(readFileSync(join(here.dirs.local, name, "x"), "utf8")).toBe("disk");
  expect(here.origin.requests).toHaveLength(1);
});
