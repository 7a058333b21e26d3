import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { buildGoProgram } from "../helpers/go-program.ts";
import { jobText, startImageAgent } from "../helpers/jobs.ts";
import { HOME } from "../helpers/steps.ts";

setDefaultTimeout(240_000);

/*
 * Whether Nomad's own Go client finds here what it finds in Nomad: it runs a machine, follows what happens to it and reads its files.
 * Where it cannot be built this is skipped.
 */
const client = buildGoProgram("client", join(HOME, "test", "reference", "client"));
if (typeof client === "string") console.log(`Nomad's Go client is skipped: ${client}`);

test.skipIf(typeof client === "string")("Nomad's Go client follows a machine's life and reads its files", async () => {
  if (typeof client === "string") return;
  await using agent = await startImageAgent();
  const service = 'service {\n name = "web"\n provider = "nomad"\n port = "9000"\n}';
  const text = jobText({ image: agent.demoDisk(), group: service });
  const output = client(JSON.stringify({ Address: agent.address, JobHCL: text, Expect: "tick 2" })).toString();
  const told = output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly what: string; readonly value: unknown });
  const values = (what: string) => told.filter((one) => one.what === what).map(({ value }) => value);
  const [begun, drained, , ended] = values("events") as string[][];
  expect(begun).toEqual(
    expect.arrayContaining([
      "Job JobRegistered demo groups=1 deleted=false",
      "Evaluation JobRegistered complete",
      "Allocation PlanResult demo.g[0] pending",
      "Allocation AllocationUpdated demo.g[0] running",
      "Service ServiceRegistration web",
    ]),
  );
  expect(drained).toEqual(
    expect.arrayContaining([
      "Node NodeDrain",
      "Evaluation AllocationUpdateDesiredStatus complete",
      "Evaluation EvaluationUpdated blocked",
      "Allocation AllocationUpdateDesiredStatus demo.g[0] running",
    ]),
  );
  expect(ended).toEqual(
    expect.arrayContaining([
      "Job JobDeregistered demo groups=1 deleted=true",
      "Evaluation JobDeregistered complete",
      "Allocation AllocationUpdateDesiredStatus demo.g[0] running",
      "Allocation AllocationUpdated demo.g[0] complete",
      "Service ServiceDeregistration web",
    ]),
  );
  expect(values("lists")).toEqual([
    { running: 1, dead: 0, page: 1, evaluations: 1, counted: 2, more: 1, tokens: 0, names: 1 },
  ]);
  expect(values("node")).toEqual([["ineligible", "eligible"]]);
  expect(values("drain")).toEqual([
    [
      'All allocations on node "ID" have stopped',
      "Drain complete for node ID",
      "false ineligible complete map[message:new memory]",
      "stop alloc is being migrated true",
      "true true",
    ],
  ]);
  expect(values("list")[0]).toEqual(expect.arrayContaining(["alloc true", "vm true"]));
  expect(values("logs")).toEqual([true]);
  expect(values("stat")).toEqual([["vm.stdout.0", expect.stringMatching(/^-rw/), true, true]]);
  expect(values("read")).toEqual([[true, true]]);
  expect(values("stream")).toEqual([true]);
  expect(values("refused")[0]).toEqual([
    expect.stringContaining("404 (vm/nothing: no such file or directory"),
    expect.stringContaining("400 (Path escapes the alloc directory: ../../x"),
  ]);
});
