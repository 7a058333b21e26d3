import { describe, expect, test } from "bun:test";
import { spawn } from "../../../src/runtime/spawn.ts";
import { isAlive, parseStat, readBootId, readStat } from "../../../src/supervisor/identity.ts";
import { signalProcess } from "../../../src/supervisor/signal.ts";

const sleeper = () => spawn({ argv: ["/bin/sleep", "60"], env: {}, stdio: ["ignore", "ignore", "ignore"] });

describe("reading a stat line", () => {
  test("takes a program's name with spaces and brackets", () => {
    const fields = Array.from({ length: 49 }, (_, index) => String(index + 4)).join(" ");
    expect(parseStat(`77 (a) b (c) S ${fields}`)).toEqual({ pid: 77, state: "S", parent: 4, startTime: 22 });
  });

  for (const line of ["", "exit 0", "x (y) S 1", "-4 (a) S 1 2", "4 (a) S 1 2 3"]) {
    test(`refuses ${JSON.stringify(line)}`, () => {
      expect(parseStat(line)).toBeNull();
    });
  }

  test("finds this very process", () => {
    expect(readStat(process.pid)).toMatchObject({ pid: process.pid });
    expect(readStat(2 ** 22 + 1)).toBeNull();
  });
});

describe("a process with an identity", () => {
  test("is alive only with its boot, its pid and its start time", async () => {
    const child = await sleeper();
    const bootId = readBootId();
    const startTime = readStat(child.pid)?.startTime ?? 0;
    try {
      expect(isAlive({ bootId, pid: child.pid, startTime }, bootId)).toBe(true);
      expect(isAlive({ bootId: "another", pid: child.pid, startTime }, bootId)).toBe(false);
      expect(isAlive({ bootId, pid: child.pid, startTime: startTime + 1 }, bootId)).toBe(false);
    } finally {
      process.kill(child.pid, "SIGKILL");
      await child.exited;
    }
    expect(isAlive({ bootId, pid: child.pid, startTime }, bootId)).toBe(false);
  });

  test("is never signalled under another's start time", async () => {
    const child = await sleeper();
    const bootId = readBootId();
    const startTime = readStat(child.pid)?.startTime ?? 0;
    expect(await signalProcess({ bootId, pid: child.pid, startTime: startTime - 1 }, bootId, "SIGKILL")).toBe(
      "process is gone",
    );
    expect(readStat(child.pid)?.state).not.toBe("Z");
    expect(await signalProcess({ bootId, pid: child.pid, startTime }, bootId, "SIGTERM")).toBe("sent");
    expect((await child.exited).signal).toBe("SIGTERM");
    expect(await signalProcess({ bootId, pid: child.pid, startTime }, bootId, "SIGTERM")).toBe("process is gone");
  });
});
