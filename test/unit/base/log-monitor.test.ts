import { expect, test } from "bun:test";
import { createMonitoredLog } from "../../../src/base/log-monitor.ts";

test("whoever looks at a log sees the level that was asked for, what is printed stays as it was, and names are kept", () => {
  const printed: string[] = [];
  const warned: string[] = [];
  const debugged: string[] = [];
  const { log, monitor } = createMonitoredLog("info", (line, level) => printed.push(`${level} ${line.slice(25)}`));
  const child = log.named("api");
  child.debug("before");
  const ends = [
    monitor.watch("warn", (line) => warned.push(line)),
    monitor.watch("debug", (line) => debugged.push(line)),
  ];
  child.debug("small", { id: "a b" });
  child.trace("smaller");
  log.info("told");
  log.error("wrong");
  ends[1]?.();
  child.debug("after");
  log.warn("doubtful");
  ends[0]?.();
  log.warn("alone");
  expect(printed).toEqual([
    "info [INFO] paddock: told",
    "error [ERROR] paddock: wrong",
    "warn [WARN] paddock: doubtful",
    "warn [WARN] paddock: alone",
  ]);
  expect(warned.map((line) => line.slice(25))).toEqual(["[ERROR] paddock: wrong", "[WARN] paddock: doubtful"]);
  expect(debugged.map((line) => line.slice(25))).toEqual([
    '[DEBUG] paddock.api: small: id="a b"',
    "[INFO] paddock: told",
    "[ERROR] paddock: wrong",
  ]);
});

test("a line that nobody prints or looks at is not made", () => {
  const { log, monitor } = createMonitoredLog("warn", () => undefined);
  let made = 0;
  const fields = {
    get costly() {
      made++;
      return 1;
    },
  };
  log.info("nobody's", fields);
  const end = monitor.watch("info", () => undefined);
  log.info("somebody's", fields);
  end();
  log.info("nobody's", fields);
  expect(made).toBe(1);
});
