import { mkdirSync } from "node:fs";
import { newId } from "../../src/base/ids.ts";
import type { AgentDirs } from "../../src/paths.ts";
import { databaseFile } from "../../src/paths.ts";
import { createRecorder } from "../../src/state/recorder.ts";
import { openStore } from "../../src/state/store.ts";
import { startAgent, type TestAgent } from "../helpers/agent.ts";
import {
  allocation,
  ended,
  evaluation,
  GRACEFUL,
  jobOf,
  jobRecord,
  jobText,
  RECORD_TIME,
  taskRecord,
} from "../helpers/records.ts";
import { tempDir } from "../helpers/temp.ts";
import { type Bench, median, percentile } from "./bench.ts";
import { waitUntilSettled } from "./machines.ts";

const JOBS = 100;
const PER_JOB = 10;
const REQUESTS = 200;

/** Lists of a store that has seen much. */
export const list: Bench = {
  name: "list",
  run: async () => {
    await using dir = tempDir();
    fillStore({ dataDir: dir.file("data"), runDir: dir.file("run") });
    // Fewer would be left of them than are asked for.
    await using agent = await startAgent({ dir: dir.path, config: "client {\n  gc_max_allocs = 100000\n}" });
    await waitUntilSettled(agent);
    const all = await timeRequests(agent, "/v1/allocations", JOBS * PER_JOB);
    const one = await timeRequests(agent, "/v1/job/job-7/allocations", PER_JOB);
    const what = `list of ${JOBS * PER_JOB} allocations`;
    return [
      { what: `${what}, p50`, unit: "ms", paddock: median(all) },
      { what: `${what}, p99`, unit: "ms", paddock: percentile(all, 99), budget: { most: 10 } },
      { what: `list of one job's ${PER_JOB} allocations, p99`, unit: "ms", paddock: percentile(one, 99) },
    ];
  },
};

/** Jobs with allocations that have run and ended, as an agent that was used for a while has them. */
function fillStore(dirs: AgentDirs): void {
  mkdirSync(dirs.dataDir, { recursive: true, mode: 0o711 });
  const store = openStore(databaseFile(dirs));
  try {
    createRecorder(store).record((index) => {
      for (let number = 0; number < JOBS; number++) {
        const job = jobOf(jobText(`job-${number}`));
        store.putJob(jobRecord({ job }));
        for (let count = 0; count < PER_JOB; count++) {
          const evalId = newId();
          store.putEvaluation(evaluation({ id: evalId, jobId: job.id, createIndex: index, modifyIndex: index }));
          store.putAllocation(endedAllocation(job.id, evalId, index));
        }
      }
    });
  } finally {
    store.close();
  }
}

function endedAllocation(jobId: string, evalId: string, index: number) {
  const events = (["Received", "Task Setup", "Driver", "Started", "Killing", "Killed"] as const).map((type, at) => ({
    type,
    time: RECORD_TIME + at,
    message: "a sentence as long as the sentences about what happened to a machine are",
    details: { exit_code: "0", signal: "0" },
    failsTask: false,
  }));
  return allocation({
    id: newId(),
    jobId,
    name: `${jobId}.vms[0]`,
    evalId,
    desired: "stop",
    tasks: { vm: taskRecord(ended(GRACEFUL), { events }) },
    createIndex: index,
    modifyIndex: index,
  });
}

/** Milliseconds of each request, one after the other, until its whole body is there. The first ones, which warm up, do not count. */
async function timeRequests(agent: TestAgent, target: string, expected: number): Promise<number[]> {
  const took: number[] = [];
  for (let round = -20; round < REQUESTS; round++) {
    const begin = performance.now();
    const text = await (await agent.request(target)).text();
    if (round >= 0) took.push(performance.now() - begin);
    else if ((JSON.parse(text) as unknown[]).length !== expected) throw new Error(`${target} is not complete`);
  }
  return took;
}
