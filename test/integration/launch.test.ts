import { expect, spyOn, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, writeSync } from "node:fs";
import type { MachineGroup } from "../../src/cgroup/groups.ts";
import type { LaunchPlan } from "../../src/qemu/launch.ts";
import { isNamed, readCommandLines } from "../../src/supervisor/command-lines.ts";
import { launchMachine } from "../../src/supervisor/launch.ts";
import { placeOf } from "../../src/supervisor/machine-place.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

/** A FIFO that takes no byte more: the wrapper waits where it goes into its group, and says nothing. The descriptor keeps it open. */
function openFull(path: string): number {
  execFileSync("mkfifo", [path]);
  const filling = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    expect(() => {
      for (;;) writeSync(filling, Buffer.alloc(4096));
    }).toThrow("EAGAIN");
    return openSync(path, constants.O_RDWR);
  } finally {
    closeSync(filling);
  }
}

test("what does not say who it is in time is ended: no machine runs that no record knows", async () => {
  await using dir = tempDir();
  const place = placeOf({ dataDir: dir.path, runDir: dir.path }, { id: "a1", tasks: {} }, "vm", 1);
  for (const path of [place.dirs.machine, place.dirs.logs]) mkdirSync(path, { recursive: true });
  const word = `60.${process.pid}`;
  const plan = {
    argv: ["/bin/sleep", word].map((text) => ({ word: text, origin: { kind: "emulator" as const } })),
    ...{ cwd: dir.path, env: {}, forwards: [], disk: null, serial: { ours: true as const }, warnings: [] },
  } satisfies LaunchPlan;
  const fds = { readWriteFd: openSync("/dev/null", "r"), readOnlyFd: openSync("/dev/null", "r") };
  const image = {
    name: "i",
    realPath: "/i",
    format: "raw",
    cdrom: false,
    mode: "direct",
    base: null,
    virtualSize: 1,
    identity: { dev: 1, ino: 1 },
    ...fds,
  } as const;
  const group: MachineGroup = { path: dir.path, procsFd: openFull(dir.file("full")), problems: [] };
  let now = performance.now();
  const clock = spyOn(performance, "now").mockImplementation(() => (now += 30_000));
  try {
    const options = { bootId: "boot", group, beforeSpawn: () => Promise.resolve() };
    await expect(launchMachine(place, { plan, image }, options)).rejects.toThrow("did not say who QEMU is");
  } finally {
    clock.mockRestore();
    for (const fd of [...Object.values(fds), group.procsFd]) closeSync(fd);
  }
  await until("the program is gone", () => !isNamed(word, readCommandLines()));
});
