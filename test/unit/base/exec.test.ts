import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { execProgram, execUntil } from "../../../src/base/exec.ts";

const outputs = () => readdirSync(tmpdir()).filter((name) => name.startsWith("paddock-exec-"));

describe("running a program of the host", () => {
  test("gives its words and its exit status", async () => {
    expect(await execProgram(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], 5000)).toEqual({
      exit: { code: 3, signal: null },
      stdout: "out\n",
      stderr: "err\n",
    });
  });
  test("kills one that hangs with its children and keeps what it had said", async () => {
    const before = outputs();
    const result = await execProgram(["/bin/sh", "-c", "echo begun; sleep 100 & sleep 100"], 300);
    expect(result).toEqual({ exit: null, stdout: "begun\n", stderr: "" });
    expect(outputs()).toEqual(before);
  });
  test("lets it write to files that never had a name, which an agent that is killed would leave behind", async () => {
    const { stdout } = await execProgram(["/bin/ls", "-l", "/proc/self/fd"], 5000);
    expect(stdout).toMatch(/ 1 -> \S+\/#\d+ \(deleted\)/);
    expect(stdout).toMatch(/ 2 -> \S+\/#\d+ \(deleted\)/);
  });
  test("throws when there is no such program and leaves nothing", async () => {
    const before = outputs();
    await expect(execProgram(["/nonexistent/program"], 1000)).rejects.toThrow();
    expect(outputs()).toEqual(before);
  });
});

test("a program that is run until something happens is ended when nobody waits any more", async () => {
  const abort = new AbortController();
  const running = execUntil(["/bin/sleep", "60"], { deadlineMillis: 60_000, until: () => false, signal: abort.signal });
  abort.abort();
  expect(await running).toMatchObject({ met: false });
});
