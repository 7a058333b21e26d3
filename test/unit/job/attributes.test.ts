import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyBlock } from "../../../src/hcl/describe.ts";
import { nameIn } from "../../../src/hcl/names.ts";
import { loadJob } from "../../../src/job/load.ts";
import { jobBlock } from "../../../src/job/schema.ts";
import { NOMAD_ATTRIBUTES, OURS } from "../../helpers/nomad-attributes.ts";

/*
 * What becomes of each attribute of Nomad's job files. `attributes.txt` has every one of them as a job would write it, by the block
 * that it stands in, and below it what is told; nothing is told of what is implemented. `UPDATE_GOLDEN=1` writes what is told now.
 */
const TABLE = join(import.meta.dirname, "../../golden/job/attributes.txt");

const block = (begin: string, inner: string): string => `${begin} {\n${inner}\n}`;

/** What a block needs at least, but for what is written in it anyway. */
function beside(inner: string, ...lines: readonly string[]): string {
  let depth = 0;
  const written = inner.split("\n").flatMap((line) => {
    const outermost = depth === 0;
    depth += (line.match(/\{$/g)?.length ?? 0) - (line.match(/^\}/g)?.length ?? 0);
    return outermost ? [firstWord(line)] : [];
  });
  return [...lines.filter((line) => !written.includes(firstWord(line))), inner].join("\n");
}

const firstWord = (line: string): string => /^\w+/.exec(line)?.[0] ?? "";

const task = (inner: string): string =>
  block('task "vm"', beside(inner, 'driver = "qemu"', block("config", 'image_path = "local/a.img"')));
const group = (inner: string): string => block('group "g"', beside(inner, task("")));
const job = (inner: string): string => block('job "j"', inner.startsWith("task") ? inner : beside(inner, group("")));
const network = (inner: string): string => block("network", inner);
const service = (inner: string): string =>
  job(group(`${network('port "web" {}')}\n${block("service", beside(inner, 'provider = "nomad"', 'port = "web"'))}`));
const check = (inner: string): string =>
  service(block("check", beside(inner, 'type = "http"', 'path = "/"', 'interval = "5s"', 'timeout = "1s"')));
const inTask = (name: string, inner: string): string => job(group(task(block(name, inner))));
const inGroup = (name: string, inner: string): string => job(group(block(name, inner)));

/** A whole job with something in one of its blocks. */
const AROUND: Readonly<Record<string, (inner: string) => string>> = {
  job,
  group: (inner) => job(beside(group(inner), ...(inner.startsWith("max_run") ? ['type = "batch"'] : []))),
  task: (inner) => job(group(task(inner))),
  config: (inner) =>
    job(group(`${network('port "web" {}')}\n${task(block("config", beside(inner, 'image_path = "local/a.img"')))}`)),
  resources: (inner) => inTask("resources", inner),
  logs: (inner) => inTask("logs", inner),
  artifact: (inner) => inTask("artifact", beside(inner, 'source = "https://example.org/a.img"')),
  template: (inner) =>
    inTask("template", beside(inner, 'destination = "local/x"', ...(inner.startsWith("source") ? [] : ['data = "x"']))),
  restart: (inner) => inGroup("restart", inner),
  update: (inner) => inGroup("update", inner),
  ephemeral_disk: (inner) => inGroup("ephemeral_disk", inner),
  network: (inner) => job(group(network(inner))),
  port: (inner) => job(group(network(block('port "web"', inner)))),
  dns: (inner) => job(group(network(block("dns", inner)))),
  service,
  check,
  check_restart: (inner) => check(block("check_restart", inner)),
  constraint: (inner) => inGroup("constraint", inner),
};

/** Where the descriptions of these blocks stand in that of the job. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  job: [],
  group: ["groups"],
  task: ["groups", "tasks"],
  config: ["groups", "tasks", "config"],
  resources: ["groups", "tasks", "resources"],
  logs: ["groups", "tasks", "logs"],
  artifact: ["groups", "tasks", "artifacts"],
  template: ["groups", "tasks", "templates"],
  restart: ["groups", "restart"],
  update: ["groups", "update"],
  ephemeral_disk: ["groups", "ephemeral_disk"],
  network: ["groups", "networks"],
  port: ["groups", "networks", "ports"],
  dns: ["groups", "networks", "dns"],
  service: ["groups", "services"],
  check: ["groups", "services", "checks"],
  check_restart: ["groups", "services", "checks", "check_restart"],
  constraint: ["groups", "constraints"],
};

function describedIn(name: string): string[] {
  const found = (PATHS[name] ?? []).reduce<AnyBlock>((around, key) => {
    const field = around.fields[key];
    if (field?.kind === "block" || field?.kind === "blocks") return field.block;
    throw new Error(`${name}: ${key} is no block`);
  }, jobBlock);
  return Object.entries(found.fields).flatMap(([key, field]) =>
    field.kind === "label" && !field.alsoAttribute ? [] : (nameIn(field, key, "hcl") ?? []),
  );
}

interface Row {
  readonly block: string;
  readonly text: string;
}

/** A line without space before it is a block's name, or what is written in it. */
function readTable(): Row[] {
  let current = "";
  return readFileSync(TABLE, "utf8")
    .split("\n")
    .flatMap((line) => {
      if (line === "" || line.startsWith(" ")) return [];
      if (!line.endsWith(":")) return [{ block: current, text: line }];
      current = line.slice(0, -1);
      return [];
    });
}

const attributeOf = ({ text }: Row): string => firstWord(text);

function outcomeOf({ block: name, text }: Row): string[] {
  const around = AROUND[name];
  if (around === undefined) throw new Error(`nothing is known of the block ${name}`);
  // On one line in the table, as HCL does not have it.
  const inner = text
    .replaceAll("; ", "\n")
    .replace(/(?<!\{)\{ /g, "{\n")
    .replace(/ \}(?!\})/g, "\n}");
  const { diagnostics } = loadJob("j.hcl", around(inner));
  return diagnostics.flatMap(({ severity, message, hint }) => [
    `  ${severity === "error" ? "refused" : "warned"}: ${message}`,
    ...(hint === undefined ? [] : [`    ${hint}`]),
  ]);
}

test("each attribute is treated as attributes.txt has it", () => {
  const rows = readTable();
  const blocks = [...new Set(rows.map(({ block: name }) => name))];
  const told = blocks.map((name) => {
    const lines = rows.filter((row) => row.block === name).flatMap((row) => [row.text, ...outcomeOf(row)]);
    return `${name}:\n${lines.join("\n")}\n`;
  });
  const found = told.join("\n");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(TABLE, found);
  expect(found).toBe(readFileSync(TABLE, "utf8"));
});

test("what is not supported is refused with what to do instead", () => {
  for (const row of readTable()) {
    const told = outcomeOf(row);
    const refusal = told.findIndex((line) => line.includes("is not supported"));
    if (refusal !== -1)
      expect({ row, hint: told[refusal + 1] ?? "" }).toEqual({ row, hint: expect.stringMatching(/^ {4}/) });
  }
});

describe.each(Object.keys(PATHS))("the block %s", (name) => {
  const rows = readTable().filter((row) => row.block === name);
  const listed = [...new Set(rows.map(attributeOf))].toSorted();

  test("has every attribute of Nomad's in the table, and what is ours", () => {
    const known = [...(NOMAD_ATTRIBUTES[name] ?? []), ...(OURS[name] ?? [])];
    expect(listed).toEqual([...new Set(known)].toSorted());
  });

  test("is described with these and no others", () => {
    // A task of the job itself is made a group of before anything is described.
    expect([...describedIn(name), ...(name === "job" ? ["task"] : [])].toSorted()).toEqual(listed);
  });
});
