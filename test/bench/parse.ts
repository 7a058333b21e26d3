import { join } from "node:path";
import { testEnvironment } from "../helpers/run.ts";
import type { Bench } from "./bench.ts";
import type { ParseFigures } from "./parse-many.ts";

const MB = 1e6;

/** What it takes to read and check a long job file, once and ten thousand times. */
export const parse: Bench = {
  name: "parse",
  run: async () => {
    const { first, median, processor, before, after } = await parseMany();
    return [
      {
        what: "parse and validate a job file of 1,000 lines",
        unit: "ms",
        paddock: median,
        budget: { most: 20 },
        note: "median of 9,000 in one process, as in an agent",
      },
      { what: "processor time of one", unit: "ms", paddock: processor, note: "with the garbage collector's" },
      { what: "the first one of a process", unit: "ms", paddock: first },
      {
        what: "what 9,000 more add to the heap",
        unit: "MB",
        paddock: Math.max(0, after.heap - before.heap) / MB,
        budget: { most: 1 },
        note: "behind the first 1,000",
      },
      { what: "resident after 10,000 of them", unit: "MB", paddock: after.resident / MB },
    ];
  },
};

async function parseMany(): Promise<ParseFigures> {
  const script = join(import.meta.dirname, "parse-many.ts");
  const child = Bun.spawn([process.execPath, script], { env: testEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  const [printed, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  if (code !== 0) throw new Error(`${script} exited with ${code}`);
  return JSON.parse(printed) as ParseFigures;
}
