import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { runInSystemdGuest } from "../guests/systemd.ts";
import { tempDir } from "../helpers/temp.ts";

test("the systemd guest has systemd as PID 1, cgroup v2 and QEMU, takes files, and gives back what a script prints and its exit status", async () => {
  await using dir = tempDir();
  writeFileSync(dir.file("big"), "x".repeat(3_000_001));
  const report = await runInSystemdGuest({
    script: `cat /proc/1/comm; awk '$2 == "/sys/fs/cgroup" { print $3 }' /proc/mounts; qemu-system-x86_64 -version | head -n 1
cat /opt/some/where/greeting; wc -c < /opt/big; /opt/tool; echo to stderr >&2; systemctl is-active basic.target; exit 7`,
    files: {
      "/opt/some/where/greeting": "hello\n",
      "/opt/tool": "#!/bin/sh\necho a tool\n",
      "/opt/big": { copyOf: dir.file("big") },
    },
  });
  expect(report.lines.slice(0, 2)).toEqual(["systemd", "cgroup2"]);
  expect(report.lines[2]).toStartWith("QEMU emulator version");
  expect(report.lines.slice(3)).toEqual(["hello", "3000001", "a tool", "to stderr", "active"]);
  expect(report.exit).toBe(7);
}, 110_000);

test("a path that leads through one of the guest's links is refused, for it would take the link's place", async () => {
  await expect(runInSystemdGuest({ script: "", files: { "/bin/tool": "" } })).rejects.toThrow(
    "/bin/tool leads through a link",
  );
});
