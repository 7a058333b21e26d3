import { heapStats } from "bun:jsc";
import { loadJob } from "../../src/job/load.ts";
import { median } from "./bench.ts";
import { longJob } from "./long-job.ts";

/*
 * Parses a long job file again and again and writes one line of JSON, `ParseFigures`: in a process of its own, whose memory is nobody
 * else's.
 */

/** Milliseconds, and bytes. */
export interface ParseFigures {
  readonly first: number;
  readonly median: number;
  /** Of all threads. */
  readonly processor: number;
  readonly before: Memory;
  readonly after: Memory;
}

interface Memory {
  /** What objects take. */
  readonly heap: number;
  readonly resident: number;
}

/** Until then the runtime compiles, and its heap grows to what it works with. */
const WARM_UP = 1_000;
const PARSES = 10_000;

const text = longJob();

function parse(): number {
  const begin = performance.now();
  const { job } = loadJob("long.hcl", text);
  const took = performance.now() - begin;
  if (job === undefined) throw new Error("the long job is none");
  return took;
}

function readMemory(): Memory {
  Bun.gc(true);
  return { heap: heapStats().heapSize, resident: process.memoryUsage.rss() };
}

const first = parse();
for (let at = 1; at < WARM_UP; at++) parse();
const before = readMemory();
const begun = process.cpuUsage();
const rounds = Array.from({ length: PARSES - WARM_UP }, parse);
const { user, system } = process.cpuUsage(begun);
const processor = (user + system) / 1000 / rounds.length;
const figures: ParseFigures = { first, median: median(rounds), processor, before, after: readMemory() };
console.log(JSON.stringify(figures));
