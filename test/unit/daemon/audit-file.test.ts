import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import type { AuditEntry } from "../../../src/api/access/audit.ts";
import { createLog } from "../../../src/base/log.ts";
import { openAuditFile } from "../../../src/daemon/audit-file.ts";
import { mountTmpfs } from "../../helpers/small-disk.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
const path = (): string => dir.file("audit.log");
const entry = (at: number): AuditEntry => ({
  Time: "2026-01-01T00:00:00Z",
  Who: { Kind: "socket" },
  Action: "PUT /v1/jobs",
  Path: `/v1/jobs?${at}`,
  Status: 200,
});
const read = (file = path()): unknown[] =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

function open(options: { readonly maxBytes?: number; readonly kept?: number; readonly at?: string } = {}) {
  const lines: string[] = [];
  const log = createLog("info", (line) => lines.push(line));
  const file = openAuditFile(options.at ?? path(), { log, ...options });
  return { ...file, lines, [Symbol.dispose]: () => file.close() };
}

describe("the audit log's file", () => {
  test("is made with the first change, its owner's alone, and gone on with by the next agent", () => {
    {
      using one = open();
      expect(existsSync(path())).toBe(false);
      one.write(entry(1));
      expect(statSync(path()).mode & 0o777).toBe(0o600);
    }
    chmodSync(path(), 0o644);
    using next = open();
    next.write(entry(2));
    expect(read()).toEqual([entry(1), entry(2)]);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  test("is put aside when it is long, and takes no more room than so many of them", () => {
    using one = open({ maxBytes: 1_000, kept: 2 });
    for (let at = 0; at < 100; at++) one.write(entry(at));
    const all = [`${path()}.2`, `${path()}.1`, path()].flatMap((file) => read(file));
    const last = Array.from({ length: all.length }, (_, at) => entry(100 - all.length + at));
    expect<unknown[]>(all).toEqual(last);
    for (const file of [path(), `${path()}.1`, `${path()}.2`]) expect(statSync(file).size).toBeLessThanOrEqual(1_000);
    expect(existsSync(`${path()}.3`)).toBe(false);
    expect(one.lines).toEqual([]);
  });

  test("begins a new line behind one that an agent was killed in the middle of", () => {
    appendFileSync(path(), `${JSON.stringify(entry(1))}\n{"Time":"2026`);
    using one = open();
    one.write(entry(2));
    expect(readFileSync(path(), "utf8").split("\n")).toEqual([
      JSON.stringify(entry(1)),
      '{"Time":"2026',
      JSON.stringify(entry(2)),
      "",
    ]);
  });

  test("is made again when somebody has removed it", () => {
    using one = open();
    one.write(entry(1));
    rmSync(path());
    one.write(entry(2));
    expect(read()).toEqual([entry(2)]);
  });

  test("that cannot be written is told once, stops nothing, and says later how much was lost", () => {
    mkdirSync(path());
    using one = open();
    for (let at = 0; at < 3; at++) one.write(entry(at));
    expect(one.lines).toHaveLength(1);
    expect(one.lines[0]).toContain("the audit log cannot be written; changes go on");
    rmdirSync(path());
    one.write(entry(4));
    one.write(entry(5));
    expect(read()).toEqual([{ Lost: 3 }, entry(4), entry(5)]);
    expect(one.lines[1]).toContain("lost=3");
  });

  test("is no link's target", () => {
    symlinkSync(dir.file("elsewhere"), path());
    using one = open();
    one.write(entry(1));
    expect(existsSync(dir.file("elsewhere"))).toBe(false);
    expect(one.lines[0]).toContain("cannot be written");
  });

  test.skipIf(process.getuid?.() !== 0)("loses whole lines on a full disk, and none of those before", () => {
    const disk = mountTmpfs(dir.file("disk"), "64k");
    const at = dir.file("disk", "audit.log");
    try {
      using one = open({ at });
      one.write(entry(1));
      disk.fill();
      for (let more = 0; more < 100; more++) one.write(entry(2));
      expect(one.lines).toHaveLength(1);
      disk.empty();
      one.write(entry(3));
      const lines = readFileSync(at, "utf8").split("\n");
      expect(JSON.parse(lines[0] ?? "")).toEqual(entry(1));
      expect(JSON.parse(lines.at(-2) ?? "")).toEqual(entry(3));
      expect(JSON.parse(lines.at(-3) ?? "").Lost).toBeGreaterThan(0);
    } finally {
      disk.unmount();
    }
  });
});
