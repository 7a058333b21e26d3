import { expect, test } from "bun:test";
import { logLimitsOf } from "../../../src/agent/restart-rule.ts";
import type { Allocation } from "../../../src/allocation/allocation.ts";
import type { Store } from "../../../src/state/store.ts";
import { demoJob } from "../../helpers/in-process-agent.ts";

test("the size of a task's logs is counted in Nomad's MB, which are MiB, from the version that it was placed for", () => {
  const job = demoJob("/x.img", { task: "logs {\n max_files = 3\n max_file_size = 2\n }" });
  const allocation = { jobId: "demo", jobVersion: 4, group: "g" } as Allocation;
  const store = { jobVersion: (_: string, version: number) => (version === 4 ? { job } : undefined) } as Store;
  expect(logLimitsOf(store, allocation, "vm")).toEqual({ maxFiles: 3, maxBytes: 2 * 1024 * 1024 });
  const standard = { maxFiles: 10, maxBytes: 10 * 1024 * 1024 };
  expect(logLimitsOf(store, { ...allocation, jobVersion: 5 }, "vm")).toEqual(standard);
});
