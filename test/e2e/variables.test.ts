import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { jobText, startImageAgent } from "../helpers/jobs.ts";

test("a machine runs from a job file that computes: variables, a file beside it, a loop", async () => {
  await using agent = await startImageAgent();
  writeFileSync(join(agent.dir, "purpose.txt"), "show");
  const plain = jobText({ image: agent.demoDisk() });
  const image = JSON.stringify(join(agent.images, "demo.img"));
  const computed = plain.replace(image, "var.image").replace('job "demo" {', 'job "demo" {\n  meta = local.meta');
  const declarations = [
    'variable "image" {}',
    "locals {",
    '  meta = { for i, word in split("-", "a-b") : word => "${i}-${try(file("purpose.txt"), "no file")}" }',
    "}",
  ];
  const file = agent.jobFile(`${declarations.join("\n")}\n${computed}`);
  const refused = await agent.run(["run", file]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain('variable "image" has no value');
  const run = await agent.run(["run", "-var", `image=${join(agent.images, "demo.img")}`, file]);
  expect(run).toMatchObject({ code: 0 });
  const job = (await (await agent.request("/v1/job/demo")).json()) as { readonly Meta: Record<string, string> };
  expect(job.Meta).toEqual({ a: "0-show", b: "1-show" });
  expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
});
