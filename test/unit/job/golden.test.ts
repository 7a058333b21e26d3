import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderDiagnostics } from "../../../src/hcl/render.ts";
import { type LoadedJob, loadJob } from "../../../src/job/load.ts";
import { decodeJobJson, encodeJob } from "../../../src/job/wire.ts";

const JOBS = join(import.meta.dir, "../../golden/job");
const ERRORS = join(JOBS, "errors");

const sourcesIn = (directory: string, ending: RegExp) => readdirSync(directory).filter((name) => ending.test(name));

const load = (directory: string, name: string): LoadedJob => loadJob(name, readFileSync(join(directory, name)));

const render = ({ diagnostics, sources }: LoadedJob): string => renderDiagnostics(diagnostics, sources);

/** Set: what is found is written into the golden files. JSON is compared as data; a formatter may have its way with it. */
const UPDATE = process.env["UPDATE_GOLDEN"] === "1";

function expectGolden(path: string, found: string): void {
  if (UPDATE) writeFileSync(path, found);
  expect(found).toBe(readFileSync(path, "utf8"));
}

describe.each(sourcesIn(JOBS, /\.(hcl|job)$/))("%s", (name) => {
  test("is read as the JSON beside it", () => {
    const { job } = load(JOBS, name);
    if (job === undefined) throw new Error(render(load(JOBS, name)));
    const path = join(JOBS, name.replace(/(hcl|job)$/, "json"));
    if (UPDATE) writeFileSync(path, `${JSON.stringify(encodeJob(job), null, 2)}\n`);
    expect(encodeJob(job)).toEqual(JSON.parse(readFileSync(path, "utf8")));
  });

  test("gives the warnings beside it and no others", () => {
    const found = render(load(JOBS, name));
    const path = join(JOBS, name.replace(/(hcl|job)$/, "warnings"));
    if (found === "") expect(existsSync(path)).toBe(false);
    else expectGolden(path, found);
  });

  test("comes back from its JSON as it was", () => {
    const { job } = load(JOBS, name);
    if (job === undefined) throw new Error("has errors");
    const json = encodeJob(job);
    for (const form of [json, { Job: json, EnforceIndex: false }]) {
      const again = decodeJobJson(JSON.stringify(form));
      expect(again.diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
      expect(again.job).toEqual(job);
    }
  });
});

describe.each(sourcesIn(ERRORS, /\.(hcl|job)$/))("errors/%s", (name) => {
  test("is refused with the diagnostics beside it", () => {
    const loaded = load(ERRORS, name);
    expect(loaded.job).toBeUndefined();
    const found = render(loaded);
    expect(found).not.toContain("hunter2");
    expectGolden(join(ERRORS, name.replace(/(hcl|job)$/, "txt")), found);
  });
});
