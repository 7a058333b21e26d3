import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { spawn } from "../../../src/runtime/spawn.ts";
import { parseStatus, WRAPPER } from "../../../src/supervisor/wrapper.ts";
import { tempDir } from "../../helpers/temp.ts";
import { until } from "../../helpers/until.ts";

/** Runs a command behind the wrapper to its end and returns what the status file and stdout hold. */
async function wrap(command: string[], during?: (pid: number, printed: () => string) => Promise<void>) {
  await using dir = tempDir();
  const status = openSync(dir.file("status"), "a");
  const out = openSync(dir.file("out"), "a");
  const procs = openSync(dir.file("procs"), "a");
  const printed = () => readFileSync(dir.file("out"), "utf8");
  try {
    const child = await spawn({
      argv: ["/bin/sh", "-c", WRAPPER, "paddock-machine", ...command],
      env: { PATH: "/usr/bin:/bin" },
      stdio: ["ignore", out, out, status, "ignore", out, procs],
      detached: true,
    });
    await during?.(child.pid, printed);
    const exit = await child.exited;
    return {
      wrapper: child.pid,
      exit,
      status: parseStatus(readFileSync(dir.file("status"))),
      out: printed(),
      procs: readFileSync(dir.file("procs"), "utf8"),
    };
  } finally {
    closeSync(status);
    closeSync(out);
    closeSync(procs);
  }
}

describe("the wrapper", () => {
  test("writes who the program is before it runs and how it ended", async () => {
    const { status, out, wrapper } = await wrap(["/bin/sh", "-c", "echo $$; exit 7"]);
    expect(status.exit).toBe(7);
    expect(status.pid).toBe(Number(out.trim()));
    expect(status.pid).not.toBe(wrapper);
    expect(status.startTime).toBeGreaterThan(0);
  });

  test("writes 128 and the signal when one ended the program", async () => {
    expect((await wrap(["/bin/sh", "-c", "kill -9 $$"])).status.exit).toBe(137);
  });

  test("writes 127 when there is no such program", async () => {
    expect((await wrap(["/nonexistent/qemu"])).status.exit).toBe(127);
  });

  test("starts nothing when it cannot write down who that is, as on a full disk", async () => {
    await using dir = tempDir();
    const [full, out] = [openSync("/dev/full", "w"), openSync(dir.file("out"), "a")];
    try {
      const argv = ["/bin/sh", "-c", WRAPPER, "paddock-machine", "/bin/echo", "ran"] as const;
      const child = await spawn({ argv, env: {}, stdio: ["ignore", out, "ignore", full] });
      await child.exited;
      expect(readFileSync(dir.file("out"), "utf8")).toBe("");
    } finally {
      for (const fd of [full, out]) closeSync(fd);
    }
  });

  test("hands over words as they are and keeps the status file to itself", async () => {
    const { out } = await wrap([
      "/bin/sh",
      "-c",
      'printf "%s|" "$@"; ls /proc/self/fd | tr "\\n" " "',
      "x",
      "a b",
      "$(id)",
      "'\"",
      "*",
    ]);
    expect(out).toStartWith("a b|$(id)|'\"|*|");
    // 3 is the directory that ls reads, 5 what stands for a disk here.
    expect(out).toEndWith("|0 1 2 3 5 ");
  });

  test("goes into its control group, once, before the program exists, and keeps the way into it to itself", async () => {
    const script =
      "for fd in 3 6; do [ -e /proc/self/fd/$fd ] && echo open $fd; done; [ -e /proc/self/fd/5 ] && echo disk";
    const { out, procs } = await wrap(["/bin/sh", "-c", script]);
    expect(out).toBe("disk\n");
    expect(procs).toBe("0\n");
  });

  test("lives through the signals that end a session while the program takes them", async () => {
    const script = "trap 'echo got TERM; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    const { status, out } = await wrap(["/bin/sh", "-c", script], async (pid, printed) => {
      await until("the program's trap", () => printed() === "ready\n");
      process.kill(-pid, "SIGTERM");
      process.kill(pid, "SIGHUP");
    });
    expect(status.exit).toBe(3);
    expect(out).toContain("got TERM");
  });
});

describe("reading a status file", () => {
  const parse = (text: string) => parseStatus(new TextEncoder().encode(text));
  test("says nothing of an empty, cut or forged one", () => {
    expect(parse("")).toEqual({ pid: null, startTime: null, exit: null });
    expect(parse("12 (sh) S 1")).toEqual({ pid: null, startTime: null, exit: null });
    expect(parse("junk\nexit 9999\nexit -1\n").exit).toBeNull();
  });
});
