import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { AnyBlock } from "../../../src/hcl/describe.ts";
import { nameIn } from "../../../src/hcl/names.ts";
import { loadJob } from "../../../src/job/load.ts";
import { jobBlock } from "../../../src/job/schema/job.ts";
import {
  ATTRIBUTE_TABLE,
  type AttributeRow,
  firstWord,
  jobWithRow,
  readAttributeTable,
} from "../../helpers/attribute-table.ts";
import { NOMAD_ATTRIBUTES, OURS } from "../../helpers/nomad-attributes.ts";

/*
 * What becomes of each attribute of Nomad's job files. `attributes.txt` has every one of them as a job would write it, by the block
 * that it stands in, and below it what is told; nothing is told of what is implemented. `UPDATE_GOLDEN=1` writes what is told now.
 */
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

const attributeOf = ({ text }: AttributeRow): string => firstWord(text);

function outcomeOf(row: AttributeRow): string[] {
  const { diagnostics } = loadJob("j.hcl", jobWithRow(row));
  return diagnostics.flatMap(({ severity, message, hint }) => [
    `  ${severity === "error" ? "refused" : "warned"}: ${message}`,
    ...(hint === undefined ? [] : [`    ${hint}`]),
  ]);
}

test("each attribute is treated as attributes.txt has it", () => {
  const rows = readAttributeTable();
  const blocks = [...new Set(rows.map(({ block: name }) => name))];
  const told = blocks.map((name) => {
    const lines = rows.filter((row) => row.block === name).flatMap((row) => [row.text, ...outcomeOf(row)]);
    return `${name}:\n${lines.join("\n")}\n`;
  });
  const found = told.join("\n");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(ATTRIBUTE_TABLE, found);
  expect(found).toBe(readFileSync(ATTRIBUTE_TABLE, "utf8"));
});

test("what is not supported is refused with what to do instead", () => {
  for (const row of readAttributeTable()) {
    const told = outcomeOf(row);
    const refusal = told.findIndex((line) => line.includes("is not supported"));
    if (refusal !== -1)
      expect({ row, hint: told[refusal + 1] ?? "" }).toEqual({ row, hint: expect.stringMatching(/^ {4}/) });
  }
});

describe.each(Object.keys(PATHS))("the block %s", (name) => {
  const rows = readAttributeTable().filter((row) => row.block === name);
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
