import { expect, test } from "bun:test";
import {
  parseProcessMemory,
  parseProcessorTime,
  parsePss,
  readProcess,
  readProcessOf,
  readPss,
  readThreadSeconds,
} from "../../../src/stats/process.ts";

const stat = (name: string, utime = "1234", stime = "66"): string =>
  `4711 (${name}) S 1 4711 4711 0 -1 4194560 999 0 0 0 ${utime} ${stime} 5 6 20 0 4 0 99000 1 2 3`;

test("processor time is read behind whatever name the program has", () => {
  for (const name of ["qemu-system-x86", "a) S 1 2 3 (b", "x\ny) ) "]) {
    expect(parseProcessorTime(stat(name))).toEqual({ user: 12.34, system: 0.66, startTime: 99_000 });
  }
});

for (const [what, line] of [
  ["nothing", ""],
  ["a line without a name", "4711 S 1 2 3"],
  ["a line that was torn", "4711 (x) S 1 4711 4711 0 -1 41"],
  ["words for numbers", stat("x", "many")],
  ["a negative number", stat("x", "-5")],
  ["a number beyond all bounds", stat("x", "9".repeat(400))],
] as const) {
  test(`${what} is no processor time`, () => {
    expect(parseProcessorTime(line)).toBeNull();
  });
}

test("memory is read in bytes, and what a kernel does not tell is nothing", () => {
  const text =
    "Name:\tx\nVmPeak:\t 999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nVmSwap:\t       4 kB\nThreads:\t4\n";
  expect(parseProcessMemory(text)).toEqual({ rss: 1 << 20, peak: 2 << 20, swap: 4096 });
  expect(parseProcessMemory("VmRSS:\t1 kB\n")).toEqual({ rss: 1024, peak: 1024, swap: 0 });
});

test("a process without memory, and a text that is none, tell of none", () => {
  for (const text of [
    "",
    "Name:\tz\nState:\tZ (zombie)\n",
    "VmRSS:\t1e9 kB\n",
    "VmRSS:\t1 kB more\n",
    "xVmRSS:\t1 kB\n",
  ]) {
    expect(parseProcessMemory(text)).toBeNull();
  }
  expect(parsePss("Rss:  5 kB\nPss:  3 kB\nPss_Dirty: 1 kB\n")).toBe(3072);
  expect(parsePss("Pss_Dirty: 1 kB\n")).toBeNull();
});

test("this process is found by its pid and start, and another one with its pid is not taken for it", () => {
  const own = readProcessOf("self");
  const startTime = own?.time.startTime ?? 0;
  expect(own?.memory.rss).toBeGreaterThan(1 << 20);
  expect(readProcess(process.pid, startTime)?.memory.peak).toBeGreaterThan(1 << 20);
  expect(readProcess(process.pid, startTime + 1)).toBeNull();
  expect(readProcess(2 ** 31, startTime)).toBeNull();
  expect(readPss(process.pid)).toBeGreaterThan(1 << 20);
  expect(readPss(2 ** 31)).toBeNull();
});

test("a thread counts only when it is one of the process, whatever was said of it", () => {
  expect(readThreadSeconds(process.pid, process.pid)).toBeGreaterThanOrEqual(0);
  for (const id of [1, 0, -1, 1.5, Number.NaN, 2 ** 53]) expect(readThreadSeconds(process.pid, id)).toBeNull();
});
