import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { listEntries, namesIn } from "../../src/cache/entry.ts";
import { artifactBench } from "../helpers/artifact.ts";
import { FUZZ_SEED, fuzz, fuzzRuns, isOneRun, pick, type Random } from "../helpers/fuzz.ts";
import { checksumOf, hexOf } from "../helpers/hash.ts";
import { killSometime } from "../helpers/kill-sometime.ts";
import { type PlainReply, rangeReply, type SeenRequest } from "../helpers/origin.ts";
import { isPart, waitingForParts } from "../helpers/ranged-download.ts";

const here = artifactBench();
const ROUNDS = fuzzRuns(30);
const SIZE = 3 << 20;

/** Two versions of one file, as long as each other. */
const OLD = { body: randomBytes(SIZE), etag: '"old"' };
const NEW = { body: randomBytes(SIZE), etag: '"new"' };

type Fault = (request: SeenRequest, random: Random) => PlainReply;

const some = (random: Random): number => random(SIZE);
const chunked = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")]);
const UNKNOWN_LENGTH = { "content-length": null, "transfer-encoding": "chunked" };

/** What an origin can do wrong; the names are those of the issue that asks for them. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "stalls in the body": (request, random) => rangeReply(request, NEW, { send: some(random), end: "silence" }),
  "stalls before it": (request) => rangeReply(request, NEW, { send: 0, end: "silence" }),
  "slow but alive": (request) => rangeReply(request, NEW, { pace: { chunk: 256 << 10, every: 10 } }),
  short: (request, random) => rangeReply(request, NEW, { send: some(random) }),
  reset: (request, random) => rangeReply(request, NEW, { send: some(random), end: "reset" }),
  "chunks that break off": (request, random) =>
    rangeReply(request, { body: chunked(NEW.body), etag: NEW.etag }, { send: some(random), headers: UNKNOWN_LENGTH }),
  long: (request) => {
    const rest = rangeReply(request, NEW);
    if (rest.kind !== "raw") return rest;
    const more = Buffer.concat([rest.body, randomBytes(1000)]);
    // Without a range nothing but the length says where the file ends.
    if (rest.status === 200) return { ...rest, body: more, headers: { ...rest.headers, "content-length": `${SIZE}` } };
    return { ...rest, body: chunked(more), headers: { ...rest.headers, ...UNKNOWN_LENGTH } };
  },
  "wrong range": (_, random) => {
    const from = random(SIZE - 1);
    const headers = { etag: NEW.etag, "content-range": `bytes ${from}-${SIZE - 1}/${SIZE}` };
    return { kind: "raw", status: 206, body: NEW.body.subarray(from), headers };
  },
  "a range of another version": (request) => rangeReply({ ...request, headers: onlyRange(request) }, OLD),
  "changed ETag": (request, random) => rangeReply(request, OLD, { send: some(random) }),
  "the other version whole": (request) => rangeReply(request, OLD),
  "200 to a Range": () => rangeReply({ method: "GET", path: "/d.img", headers: {} }, NEW),
  "redirect loop": () => ({ kind: "redirect", to: "/d.img" }),
  "redirect to file:": () => ({ kind: "redirect", to: "file:///etc/passwd" }),
  "gzip encoding": (request) => rangeReply(request, NEW, { headers: { "content-encoding": "gzip" } }),
  "hangs up": () => ({ kind: "hang-up" }),
  "503": () => ({ kind: "status", status: 503 }),
  "404": () => ({ kind: "status", status: 404 }),
  "416": () => ({ kind: "status", status: 416 }),
};

/** Has a download ask for parts over several connections, each of which may meet a fault. */
const limited = (request: SeenRequest, since: number): PlainReply =>
  rangeReply(request, NEW, { pace: waitingForParts(here.origin, { since }) });

/** Those behind which a download goes on where it broke. */
const BREAKING = ["stalls in the body", "slow but alive", "short", "reset", "chunks that break off"];

/** A server that does not look at If-Range. */
function onlyRange({ headers }: SeenRequest): Readonly<Record<string, string>> {
  const { range } = headers;
  return range === undefined ? {} : { range };
}

const script = join(import.meta.dirname, "artifact", "acquire-once.ts");
const path = (): string => join(here.dirs.local, "d.img");

/** @param stallMillis short where an origin is to be silent; a busy host is silent for a while, too. */
function start(checksum: string, stallMillis = 150): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, script, here.origin.url("/d.img"), here.dir.path, checksum, `${stallMillis}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Whatever has a name that somebody could take for good is one of the two versions, and the one that was asked for. */
function expectNothingBad(checksum: string): void {
  const versions = [OLD, NEW].map(({ body }) => hexOf(body));
  for (const { key, found } of listEntries(here.cache)) {
    if (found.kind !== "there") throw new Error(`${key.hex}: ${JSON.stringify(found)}`);
    expect(versions).toContain(key.hex);
    expect(hexOf(readFileSync(found.entry.files.content))).toBe(key.hex);
  }
  if (!existsSync(path())) return;
  expect(checksum === "" ? versions.map((hex) => `sha256:${hex}`) : [checksum]).toContain(
    checksumOf(readFileSync(path())),
  );
}

/** Answers with one fault after the other, drawn by lot. @returns their names, as they come. */
function answerBadly(random: Random): readonly string[] {
  const told: string[] = [];
  const before = here.origin.requests.length;
  here.origin.set("/d.img", {
    kind: "each",
    answer: (request) => {
      if (random(3) === 0) return limited(request, before);
      const name = pick(random, random(2) === 0 ? BREAKING : Object.keys(FAULTS));
      told.push(name);
      return FAULTS[name]?.(request, random) ?? { kind: "hang-up" };
    },
  });
  return told;
}

/** What killed downloads left does not keep the next one from the file. */
async function expectFile(answer: (request: SeenRequest) => PlainReply): Promise<void> {
  here.origin.set("/d.img", { kind: "each", answer });
  rmSync(path(), { force: true });
  expect(await start(checksumOf(NEW.body), 60_000).exited).toBe(0);
  expectNothingBad(checksumOf(NEW.body));
  expect(readdirSync(here.dirs.local)).toEqual(["d.img"]);
  expect(namesIn(join(here.cache, "parts"))).toEqual([]);
}

type End = "killed" | "there" | "refused";

async function oneRound(random: Random, checksum: string): Promise<End> {
  rmSync(path(), { force: true });
  // What came whole would be all that this round asks for; what came in part stays.
  const whole = random(5) === 0 ? [] : ["sha256", "sources"];
  for (const name of whole) rmSync(join(here.cache, name), { recursive: true, force: true });
  const child = start(checksum);
  const isKilled = random(3) > 0;
  if (isKilled) await killSometime(child, random(300));
  const output = isKilled ? null : await new Response(child.stdout).text();
  await child.exited;
  expectNothingBad(checksum);
  if (child.signalCode === "SIGKILL") return "killed";
  if (child.exitCode === 0) return "there";
  expect(child.exitCode).toBe(1);
  if (output !== null) expect(output).toContain('"message":"artifact http://');
  return "refused";
}

test(
  `${ROUNDS} downloads from a faulty origin, most of them killed in the middle, leave nothing bad, and the next one gets the file (seed ${FUZZ_SEED})`,
  async () => {
    const ends: Record<End, number> = { killed: 0, there: 0, refused: 0 };
    await fuzz("faults", ROUNDS, async (random) => {
      const checksum = random(2) === 0 ? checksumOf(NEW.body) : "";
      const told = answerBadly(random);
      try {
        ends[await oneRound(random, checksum)]++;
      } catch (error) {
        throw new Error(`${checksum === "" ? "no checksum" : "checksum"}; ${told.join(", ")}: ${error}`);
      }
    });
    const inRounds = [...here.origin.requests];
    await expectFile((request) => rangeReply(request, NEW));
    if (isOneRun) return;
    const resumed = inRounds.filter(({ headers }) => /^bytes=\d+-$/.test(headers["range"] ?? ""));
    expect(resumed.length).toBeGreaterThan(5);
    // How many parts a killed download has asked for is up to how busy this host is; those that nobody kills ask for some.
    expect(inRounds.some(isPart)).toBe(true);
    for (const count of [ends.killed, ends.refused]) expect(count).toBeGreaterThan(0);
  },
  ROUNDS * 10_000,
);
