import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const NAMESPACE = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const SCRIPT = join(import.meta.dirname, "..", "helpers", "recycle-pid.ts");

/** A pid namespace of its own, and the right to say where it counts on, are root's. */
const mayCount =
  process.getuid?.() === 0 &&
  spawnSync("unshare", [...NAMESPACE, "sh", "-c", "echo 100 >/proc/sys/kernel/ns_last_pid"]).status === 0;

test.skipIf(!mayCount)("a process that was given the pid of one before is never signalled in its place", () => {
  const { stdout, stderr, status } = spawnSync("unshare", [...NAMESPACE, process.execPath, SCRIPT], {
    encoding: "utf8",
    timeout: 30_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({
    samePid: true,
    aliveAsBefore: false,
    answers: Array.from({ length: 4 }, () => "process is gone"),
    throughDescriptor: false,
    otherLives: true,
  });
});
