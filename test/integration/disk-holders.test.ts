import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeWriterDisk } from "../guests/writer.ts";
import { diskBench, OVERLAY } from "../helpers/disk-bench.ts";
import { idOf, imagesDir, machineOf, newestOf } from "../helpers/in-process-agent.ts";
import { patiently, until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const { bed, run, failure, filesOf, stop } = diskBench();

describe("who has an image is told before QEMU fails at it", () => {
  test("of two that are started at the same moment one has it, and the other one is told who", async () => {
    await Promise.all([run("", "one"), run("", "two")]);
    await until("both to be settled", () =>
      ["one", "two"].every((id) =>
        ["running", "ended"].includes(newestOf(bed.agent, id)?.tasks["vm"]?.machine.kind ?? ""),
      ),
    );
    const kinds = new Map(["one", "two"].map((id) => [newestOf(bed.agent, id)?.tasks["vm"]?.machine.kind, id]));
    expect([...kinds.keys()].sort()).toEqual(["ended", "running"]);
    expect(await failure(kinds.get("ended"))).toContain(
      `demo.img is the disk of task "vm" of job "${kinds.get("running")}"`,
    );
  });

  test("nobody writes to an image that an overlay stands over, and nobody stands over one that is written to", async () => {
    await run(OVERLAY);
    const { identity } = await machineOf(bed.agent, "running");
    await run("", "writer");
    expect(await failure("writer")).toMatch(
      new RegExp(
        `demo.img is read by task "vm" of job "demo" \\(allocation \\w{8}, QEMU is process ${identity.pid}\\)`,
      ),
    );
    await stop();
    await run('args = ["-name", "again"]', "writer");
    await machineOf(bed.agent, "running", "writer");
    for (const [id, config] of Object.entries({
      over: OVERLAY,
      copied: 'disk = "copy"',
      look: 'args = ["-snapshot"]',
    })) {
      await run(config, id);
      expect(await failure(id)).toContain('demo.img is written to by task "vm" of job "writer"');
      expect(existsSync(filesOf(id).overlay)).toBe(false);
      expect(existsSync(filesOf(id).copy)).toBe(false);
    }
  });
});

describe.skipIf(process.getuid?.() !== 0)("an overlay on a full file system", () => {
  test("lets its guest stand still, which goes on by itself once there is room where the overlay lies", async () => {
    const full = bed.dir.file("data", "alloc");
    mkdirSync(full, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m,mode=711", "none", full]);
    try {
      const disk = join(imagesDir(bed.dir.path), "guest");
      makeWriterDisk(`${disk}.qcow2`);
      execFileSync("qemu-img", ["convert", "-O", "raw", `${disk}.qcow2`, `${disk}.img`]);
      await run(`${OVERLAY}\n args = ["-S"]`, "full", `${disk}.img`);
      await until("QEMU", async () => (await machineOf(bed.agent, "running", "full")).guest === "prelaunch");
      const { bavail, bsize } = statfsSync(full);
      writeFileSync(join(full, "ballast"), new Uint8Array(bavail * bsize));
      await bed.agent.powerMachine(idOf(bed.agent, "full"), "vm", "resume");
      const guest = () => machineOf(bed.agent, "running", "full");
      await until("the guest to stand still", async () => (await guest()).standstill?.status === "nospace");
      await bed.running.lookForRoom();
      expect(bed.running.logLines.join("\n")).not.toContain("there is room again");
      expect((await guest()).guest).toBe("io-error");
      rmSync(join(full, "ballast"));
      await patiently("the guest to go on", async () => (await guest()).guest === "running");
    } finally {
      await bed.agent.deregisterJob("full", { purge: false, force: "SIGKILL" });
      await machineOf(bed.agent, "ended", "full");
      execFileSync("umount", ["-l", full]);
    }
  });
});
