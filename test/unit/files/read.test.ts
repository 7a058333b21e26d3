import { expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { readBeneath } from "../../../src/files/read.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
const ANYBODY = (): void => undefined;

test("a file that is not followed ends where it was when it was opened, however much is written meanwhile", async () => {
  const file = dir.file("growing");
  writeFileSync(file, "x".repeat(200_000));
  const query = { origin: "start", offset: 0, follow: false, signal: new AbortController().signal } as const;
  let bytes = 0;
  for await (const { offset, data } of readBeneath(dir.path, "growing", query, ANYBODY)) {
    expect(offset).toBe(bytes);
    bytes += data.length;
    appendFileSync(file, "more".repeat(50_000));
    if (bytes > 1_000_000) break;
  }
  expect(bytes).toBe(200_000);
});
