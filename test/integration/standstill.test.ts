import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { makeWriterDisk } from "../guests/writer.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { idOf, machineOf, messagesOf, newestOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

/** Mounting a small file system is root's; nobody else can have one that is full. */
describe.skipIf(process.getuid?.() !== 0)("a guest whose disk is on a full file system", () => {
  let full: string;
  // Before the directory goes that it is mounted in.
  afterEach(() => void execFileSync("umount", ["-l", full]));
  const bed = agentPerTest(false);

  beforeEach(async () => {
    full = bed.dir.file("images", "full");
    mkdirSync(full, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", full]);
    makeWriterDisk(`${full}/guest.qcow2`);
    fill();
    await bed.start();
    await bed.submit({}, `${full}/guest.qcow2`);
    await until("the guest to stand still", async () => (await guest()).standstill?.status === "nospace");
  });

  const guest = () => machineOf(bed.agent, "running");
  const history = () => messagesOf(bed.agent);
  const power = (action: "pause" | "resume") => bed.agent.powerMachine(idOf(bed.agent), "vm", action);
  const goesOn = (deadline = 20_000) =>
    until("the guest to go on", async () => (await guest()).guest === "running", { deadline });
  const room = (): number => {
    const { bavail, bsize } = statfsSync(full);
    return bavail * bsize;
  };

  function fill(leave = 0): void {
    writeFileSync(`${full}/ballast`, new Uint8Array(room() - leave));
  }

  test("is told in words and goes on by itself once there is room", async () => {
    expect(history().at(-1)).toBe(
      "Guest paused (io-error): disk full, there is no room for what it writes to image0; it goes on by itself when there is",
    );
    expect(newestOf(bed.agent)?.tasks["vm"]?.events.at(-1)?.details).toMatchObject({
      io_status: "nospace",
      device: "image0",
    });
    rmSync(`${full}/ballast`);
    await goesOn();
    expect((await guest()).standstill).toBeUndefined();
    expect(history().at(-1)).toStartWith("Guest goes on, it stood still for ");
  });

  test("stands still while a few blocks are all that is free", async () => {
    rmSync(`${full}/ballast`);
    fill(128 << 10);
    const events = history().length;
    await bed.running.lookForRoom();
    expect((await guest()).guest).toBe("io-error");
    expect(history()).toHaveLength(events);
  });

  test("goes on also when another agent has taken it over", async () => {
    await bed.restart();
    await until("the monitor to be asked", async () => (await guest()).guest === "io-error");
    rmSync(`${full}/ballast`);
    await goesOn();
    expect(history().filter((message) => message.startsWith("Guest paused"))).toHaveLength(1);
  });

  test("stays as it is once it was paused by command, until it is resumed by command", async () => {
    expect((await power("pause")).message).toEndWith(
      "it stays so until it is resumed by command, also when there is room on its disk again",
    );
    rmSync(`${full}/ballast`);
    await bed.running.lookForRoom();
    expect(await guest()).toMatchObject({ guest: "io-error", standstill: { held: true } });
    expect((await power("resume")).guest).toBe("running");
    await goesOn();
  });

  test("stays paused when it was paused before its disk was full", async () => {
    rmSync(`${full}/ballast`);
    await goesOn();
    await power("pause");
    await bed.running.lookForRoom();
    expect((await guest()).guest).toBe("paused");
  });
});
