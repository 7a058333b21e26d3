import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { makeWriterDisk } from "../guests/writer.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { startFakeGuestAgent } from "../helpers/fake-qga.ts";
import { HANDSHAKE, startFakeQmp } from "../helpers/fake-qmp.ts";
import { bannerOf, type DemoJob, demoJob, machineOf } from "../helpers/in-process-agent.ts";
import { parentOf, untilGone } from "../helpers/processes.ts";
import { checkDisk, stopping, ungraceful } from "../helpers/stopping.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest();
const { startDemo, stop, receipt, guestIs, sockets, demoQcow2 } = stopping(bed);

describe("a QEMU that a signal has stopped", () => {
  test("is continued, so that its guest hears the button", async () => {
    const { identity } = await startDemo();
    process.kill(identity.pid, "SIGSTOP");
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("powerdown");
    expect(answers[0]).toBe("powerdown: accepted (QEMU was stopped by a signal and was continued)");
  });

  test("and is adopted so is continued, too", async () => {
    const { identity } = await startDemo({ task: 'kill_timeout = "10s"' });
    await bed.restart(() => process.kill(identity.pid, "SIGSTOP"));
    await stop();
    expect((await receipt()).rung).toBe("powerdown");
  });

  test("before it is told to quit flushes its disks", async () => {
    const disk = demoQcow2("-c");
    await bed.agent.registerJob(ungraceful(demoJob(disk)), null, {});
    const { identity } = await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    process.kill(identity.pid, "SIGSTOP");
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("quit");
    expect(answers[0]).toContain("was continued");
    expect(checkDisk(disk)).toBe(0);
  });

  test("together with its wrapper leaves nothing behind", async () => {
    const { identity } = await startDemo();
    const wrapper = parentOf(identity.pid);
    process.kill(wrapper, "SIGSTOP");
    process.kill(identity.pid, "SIGSTOP");
    await stop({ force: "SIGKILL" });
    await receipt();
    await untilGone("the wrapper", wrapper);
  });
});

describe("a monitor that does not answer", () => {
  test("because its socket is gone does not hold up the ladder, and QEMU gets SIGTERM before SIGKILL", async () => {
    const disk = demoQcow2("-c");
    await startDemo({ task: 'kill_timeout = "1s"' }, disk);
    const { qmp } = sockets();
    await bed.restart(() => rmSync(qmp));
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("SIGTERM");
    expect(answers[0]).toBe("powerdown: monitor is not connected");
    expect(checkDisk(disk)).toBe(0);
  });

  test("because it hangs is given one press, not a heap, and does not hold up the ladder", async () => {
    await startDemo({ task: 'kill_timeout = "2s"' });
    const { qmp } = sockets();
    const user = ownerOf(qmp);
    bed.running.close();
    rmSync(qmp);
    const hung = await startFakeQmp(qmp, [...HANDSHAKE, { expect: "query-status" }, { expect: "query-status" }]);
    try {
      chownSync(qmp, user.uid, user.gid);
      await bed.start();
      await until("the agent to ask", () => hung.received.length === 2);
      await stop();
      const { rung, answers } = await receipt();
      expect(rung).toBe("SIGTERM");
      expect(answers.filter((answer) => answer.includes("the one before it has no answer yet")).length).toBeGreaterThan(
        1,
      );
      const asked = hung.received.map(({ execute }) => execute);
      // One for the status at the connection, one for the press, and quit.
      expect(asked).toEqual(["qmp_capabilities", "query-status", "query-status", "quit"]);
    } finally {
      await hung.stop();
    }
  });

  test("beside a guest agent that never answers either ends by SIGTERM, in time", async () => {
    await startDemo({ config: "guest_agent = true", task: 'kill_timeout = "2s"' });
    const { qmp, guestAgent } = sockets();
    const user = ownerOf(guestAgent);
    bed.running.close();
    for (const path of [qmp, guestAgent]) rmSync(path);
    await using mute = await startFakeGuestAgent(guestAgent, {});
    chownSync(guestAgent, user.uid, user.gid);
    await bed.start();
    await stop();
    const { rung, answers } = await receipt();
    expect(rung).toBe("SIGTERM");
    expect(answers[0]).toBe("guest-agent: no answer in time");
    expect(mute.received.map(({ execute }) => execute)).toEqual(["guest-sync-delimited"]);
  });
});

describe.skipIf(process.getuid?.() !== 0)("a machine whose disk is full", () => {
  let full: string;

  beforeEach(() => {
    full = bed.dir.file("images", "full");
    mkdirSync(full, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "none", full]);
  });

  afterEach(() => {
    execFileSync("umount", ["-l", full]);
  });

  /** Whose guest cannot write: the disk's clusters are compressed, and those are never written in place. */
  async function startFull(make: (disk: string) => void, more: DemoJob = {}): Promise<string> {
    const disk = `${full}/guest.qcow2`;
    make(disk);
    const { bavail, bsize } = statfsSync(full);
    writeFileSync(`${full}/ballast`, new Uint8Array(bavail * bsize));
    await bed.submit(more, disk);
    await guestIs("io-error");
    return disk;
  }

  test("goes on by the stop and shuts down once there is room", async () => {
    const makeDemo = (path: string): void => {
      execFileSync("qemu-img", ["convert", "-c", "-O", "qcow2", demoQcow2(), path]);
    };
    const disk = await startFull(makeDemo, { task: 'kill_timeout = "15s"' });
    rmSync(`${full}/ballast`);
    await stop();
    const { rung, answers, ending } = await receipt();
    expect(rung).toBe("powerdown");
    expect(answers[0]).toBe("powerdown: accepted (guest was io-error and was resumed)");
    expect(ending.hint).toBeNull();
    expect(checkDisk(disk)).toBe(0);
  });

  test("is forced while there is none, and the receipt says that it fell back and what to do", async () => {
    const disk = await startFull(makeWriterDisk, { task: 'kill_timeout = "2s"' });
    await stop();
    const { answers, ending } = await receipt();
    expect(answers[1]).toBe("powerdown: accepted (guest was io-error again and was resumed again)");
    expect(ending).toMatchObject({ reason: "host-qmp-quit", stop: { rung: "quit" } });
    expect(ending.hint).toContain("make room");
    expect(checkDisk(disk)).toBe(0);
  });
});

/** Whom a machine's sockets belong to: nobody else's are talked to. */
function ownerOf(path: string): { readonly uid: number; readonly gid: number } {
  const { uid, gid } = statSync(path);
  return { uid, gid };
}
