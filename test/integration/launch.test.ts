import { expect, spyOn, test } from "bun:test";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { LaunchPlan } from "../../src/qemu/launch.ts";
import { isNamed, readCommandLines } from "../../src/supervisor/command-lines.ts";
import { launchMachine } from "../../src/supervisor/launch.ts";
import { placeOf } from "../../src/supervisor/machine-place.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

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
  let now = performance.now();
  const clock = spyOn(performance, "now").mockImplementation(() => (now += 30_000));
  try {
    await expect(launchMachine(place, plan, image, "boot", null)).rejects.toThrow("did not say who QEMU is");
  } finally {
    clock.mockRestore();
    for (const fd of Object.values(fds)) closeSync(fd);
  }
  await until("the program is gone", () => !isNamed(word, readCommandLines()));
});
