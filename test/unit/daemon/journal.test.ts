import { expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { createLog } from "../../../src/base/log.ts";
import { linePrinter } from "../../../src/daemon/journal.ts";
import { tempDir } from "../../helpers/temp.ts";

test("lines for the journal have their priority in front, each line of a text, and other streams get them as they are", async () => {
  await using dir = tempDir();
  const fd = openSync(dir.file("journal"), "w");
  const { dev, ino } = fstatSync(fd);
  const print = (journal: string | undefined) => {
    const written: string[] = [];
    const printer = linePrinter({ fd, write: (text) => written.push(text) }, { JOURNAL_STREAM: journal });
    const log = createLog("trace", printer);
    for (const level of ["trace", "debug", "info", "warn", "error"] as const) log[level](level);
    printer("two\nlines\n", "warn");
    return written.map((line) => line.replace(/\d{4}-\S+ \[/, "[")).join("");
  };
  expect(print(`${dev}:${ino}`)).toBe(
    "<7>[TRACE] paddock: trace\n<7>[DEBUG] paddock: debug\n<6>[INFO] paddock: info\n<4>[WARN] paddock: warn\n<3>[ERROR] paddock: error\n<4>two\n<4>lines\n",
  );
  for (const other of [undefined, "", `${dev}:${ino + 1}`, `${dev}:${ino} `]) {
    expect(print(other)).not.toContain("<");
  }
  closeSync(fd);
});
