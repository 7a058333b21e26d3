import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadJob } from "../../../src/job/load.ts";
import { outputJob } from "../../../src/job/output.ts";
import { encodeJob } from "../../../src/job/wire.ts";
import { jobDifferences } from "../../helpers/job-differences.ts";
import { jobText } from "../../helpers/records.ts";

const OUTPUT = join(import.meta.dir, "../../golden/job/output");

function outputOf(name: string, text: string) {
  const { job, kept, diagnostics } = loadJob(name, text, { keep: true });
  if (job === undefined) throw new Error(JSON.stringify(diagnostics));
  return { job, output: outputJob(job, kept) };
}

describe.each(readdirSync(OUTPUT).filter((name) => name.endsWith(".hcl")))("%s", (name) => {
  const text = readFileSync(join(OUTPUT, name), "utf8");

  test("comes out as the JSON beside it", () => {
    const path = join(OUTPUT, name.replace(/hcl$/, "json"));
    const { output } = outputOf(name, text);
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, `${JSON.stringify(output, null, 2)}\n`);
    expect(output).toEqual(JSON.parse(readFileSync(path, "utf8")));
  });

  test("is the same job for an agent, whether or not that is kept", () => {
    const { job, kept } = loadJob(name, text);
    expect([job, kept]).toEqual([outputOf(name, text).job, []]);
  });

  test("comes out of its JSON once more", () => {
    const { output } = outputOf(name, text);
    const again = outputOf(name, JSON.stringify({ Job: output })).output;
    expect(jobDifferences(output, again)).toEqual([]);
  });
});

test("a job that says nothing without effect comes out as an agent gets it", () => {
  const { job, output } = outputOf("web.hcl", jobText());
  expect(jobDifferences(output, encodeJob(job))).toEqual([]);
});

test("what is wrong in what has no effect is left out, as long as it can be read", () => {
  const text = jobText().replace(
    /group "\w+" \{/,
    (group) => `affinity {\n weight = "much"\n}\nui {\n nosuch = 1\n}\n${group}`,
  );
  const { output } = outputOf("web.hcl", text);
  expect([output["Affinities"], output["UI"]]).toEqual([null, null]);
});
