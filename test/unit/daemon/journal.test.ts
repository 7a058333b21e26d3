import { expect, test } from "bun:test";
import { EventEmitter } from "node:events";
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
    const printer = linePrinter(
      { fd, write: (text) => written.push(text), on: () => undefined },
      { JOURNAL_STREAM: journal },
    );
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

test("a line that cannot be written is lost, and is no fault of the agent that it would log again", async () => {
  await using dir = tempDir();
  const fd = openSync(dir.file("log"), "w");
  const stream = new EventEmitter();
  const written: string[] = [];
  const write = (text: string): void => {
    written.push(text);
    stream.emit("error", new Error("ENOSPC"));
  };
  const print = linePrinter(Object.assign(stream, { fd, write }), {});
  print("one", "info");
  print("two", "info");
  expect(written).toEqual(["one\n", "two\n"]);
  closeSync(fd);
});
