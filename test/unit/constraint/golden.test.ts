import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkConstraints } from "../../../src/constraint/check.ts";
import type { Node } from "../../../src/node/node.ts";
import { capacity } from "../../helpers/capacity.ts";
import { jobFrom } from "../../helpers/in-process-agent.ts";

const GOLDEN = join(import.meta.dir, "../../golden/constraint");

const NODE: Node = {
  id: "0c7fbb3e-2d3f-4bd5-b1f7-5a3d1a0a7a11",
  name: "barn",
  datacenter: "dc1",
  nodeClass: "small",
  nodePool: "default",
  attributes: {
    "cpu.arch": "amd64",
    "cpu.modelname": "AMD EPYC",
    "cpu.numcores": "8",
    "driver.qemu": "1",
    "driver.qemu.emulators": "i386,x86_64",
    "driver.qemu.version": "7.2.22",
    "kernel.name": "linux",
  },
  meta: { rack: "r1", candidate: "9.2.0-rc1", wanted: "~> 7.1" },
  qemu: {
    healthy: true,
    description: "Healthy",
    emulators: [],
    kvm: { usable: false, reason: "there is no /dev/kvm: load kvm_intel or kvm_amd" },
  },
  capacity: capacity(),
};

test("each constraint says whether it holds, what was found, and why", () => {
  const job = jobFrom(readFileSync(join(GOLDEN, "verdicts.hcl"), "utf8"));
  const lines = checkConstraints(job, NODE).map(({ ok, where, text }) => `${ok ? "yes" : "no "} ${where}: ${text}\n`);
  const path = join(GOLDEN, "verdicts.txt");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, lines.join(""));
  expect(lines.join("")).toBe(readFileSync(path, "utf8"));
});
