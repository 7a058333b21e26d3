import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Allocation } from "../../src/allocation/allocation.ts";
import { filesOf } from "../../src/cache/key.ts";
import type { Finding } from "../../src/cli/text/finding.ts";
import { build } from "../../src/runtime/build.ts";
import { putEntry } from "./cache.ts";
import { bundlesOf, imagesOf } from "./cache-uses.ts";
import type { CliOptions } from "./cli.ts";
import type { CliApi } from "./cli-api.ts";
import { event, inState } from "./cli-job.ts";
import { copyOf, groupsJob } from "./copies.ts";
import { demoDisk } from "./demo-disk.ts";
import {
  CRASH,
  CRASHED,
  checkReport,
  ended,
  evaluation,
  jobOf,
  jobRecord,
  jobText,
  PLAN,
  RUNNING,
  taskRecord,
} from "./records.ts";

const ID = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`;

/** A host with some jobs, of which one is called as long as a name may be. */
export function populate(api: CliApi): void {
  const { agent, dir } = api;
  const web = jobRecord({ job: jobOf(jobText()) });
  const checked = { checks: [checkReport({}, { status: "success" })] };
  agent.put({
    job: web,
    allocation: inState(RUNNING, [event("Started", "it runs")], { id: ID("1"), ...checked }),
    plan: PLAN,
  });
  agent.put({ job: jobRecord({ job: { ...groupsJob({ a: 2, b: 1 }), id: "fleet" }, version: 0 }) });
  const copies = [copyOf({ group: "a", index: 0 }), copyOf({ group: "a", index: 1 }), copyOf({ group: "b", index: 0 })];
  copies.forEach((copy, at) => {
    const name = copy.name.replace("web.", "fleet.");
    agent.put({ allocation: { ...copy, id: ID("abc"[at] ?? ""), name, jobId: "fleet", ports: [] } });
  });
  const over: Partial<Allocation> = { id: ID("d"), jobId: "db", name: "db.vms[0]", ports: [] };
  const broken = taskRecord(ended(CRASHED), {
    events: [event("Terminated", "QEMU was killed by SIGSEGV")],
    startedAt: web.submitTime,
  });
  agent.put({
    job: jobRecord({ job: jobOf(jobText("db")) }),
    allocation: { ...inState(RUNNING), ...over, tasks: { vm: broken } },
  });
  const long = `a-job-whose-name-is-${"very-".repeat(6)}long`;
  const placed = { id: ID("e"), jobId: long, name: `${long}.vms[0]` };
  agent.put({ job: jobRecord({ job: jobOf(jobText(long)) }), allocation: { ...inState(RUNNING), ...placed } });
  agent.put({
    job: jobRecord({ job: jobOf(jobText("机器")) }),
    allocation: { ...inState(RUNNING), id: ID("f"), jobId: "机器", name: "机器.vms[0]" },
  });
  agent.put({ evaluation: evaluation({ id: ID("9") }), ends: [CRASH] });
  agent.log.append("DEMO GUEST\ntick 1\n");
  agent.log.end();
  agent.images = imagesOf(dir, () => agent);
  agent.bundles = bundlesOf(join(dir, "data"), null);
  const cache = join(dir, "cache");
  const source = "https://mirror.example.org/images/debian.img";
  const { record } = filesOf(cache, putEntry(cache, Buffer.alloc(4096, "a"), "sha256", { source }));
  // Used just now, however long the test takes.
  utimesSync(record, 4e9, 4e9);
  writeFileSync(join(dir, "web.hcl"), jobText());
  writeFileSync(join(dir, "new.hcl"), jobText("new"));
  writeFileSync(join(dir, "wrong.hcl"), 'job "web" {\n  group "g" {\n    cuont = 1\n  }\n}\n');
  writeFileSync(join(dir, "disk.img"), demoDisk());
}

/** What `paddock doctor` finds. */
export const FINDINGS: readonly Finding[] = [
  { check: "qemu", level: "ok", message: "qemu-system-x86_64 7.2.22 at /usr/bin/qemu-system-x86_64", remedy: null },
  {
    check: "kvm",
    level: "warning",
    message: "/dev/kvm is not there: guests are emulated",
    remedy: "load the kernel's module kvm_intel or kvm_amd",
  },
  { check: "store", level: "problem", message: "the store is damaged", remedy: "put back a copy of it" },
];

export interface Shown {
  readonly words: readonly string[];
  readonly columns: number;
}

/** Runs a command as on a terminal that is so wide, and writes down what came, without what differs from run to run. */
export async function show(api: CliApi, { words, columns }: Shown, options: CliOptions = {}): Promise<string> {
  const given = words.map((word) => word.replaceAll("DIR", api.dir));
  const { code, stdout, stderr } = await api.run(given, { columns, ...options });
  const width = columns === 80 ? "" : `   (${columns} columns)`;
  const errors = stderr === "" ? "" : stderr.trimEnd().replaceAll(/^/gm, "! ");
  const parts = [
    `$ paddock ${words.map(quote).join(" ")}${width}`,
    plain(stdout.trimEnd(), api),
    plain(errors, api),
    `[${code}]`,
  ];
  return `${parts.filter((part) => part !== "").join("\n")}\n`;
}

const quote = (word: string): string => (/^[\w./:=@%,…-]+$/.test(word) ? word : `'${word}'`);

function plain(text: string, { dir }: CliApi): string {
  return (
    text
      .replaceAll(/\r\u001b\[2K/g, "")
      .replaceAll(dir, "DIR")
      .replaceAll(`${build.version} (${build.commit})`, "VERSION")
      .replaceAll(/\b(?!(.)\1{7}-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "RANDOM-UUID")
      .replaceAll(/\bkey [0-9a-f]{16}\b/g, "key KEY-ID")
      // One of 43 has no letter, and is known by the word before it.
      .replaceAll(/(?<=\b(?:evaluation|allocation) )(?!(.)\1{7}\b)\d{8}(?=\b(?!-))/g, "RANDOM-ID")
      .replaceAll(/\b(?=[0-9a-f]*[a-f])(?!(.)\1{7}\b)[0-9a-f]{8}(?=\b(?!-))/g, "RANDOM-ID")
      .replaceAll(/(?<=^(?!Error).*)\b\d+(?:ms|s|[dhm](?:\d+[hm])?(?:\d+s)?)(?= |$|,)/gm, "SPAN")
  );
}
