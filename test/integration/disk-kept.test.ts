import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { unfinished } from "../../src/paths.ts";
import { DEMO_DISK_SHA256 } from "../helpers/demo-disk.ts";
import { diskBench, OVERLAY } from "../helpers/disk-bench.ts";
import { hashOf } from "../helpers/hash.ts";
import { machineOf } from "../helpers/in-process-agent.ts";

setDefaultTimeout(60_000);

const { bed, run, booted, failure, filesOf, kill, restart } = diskBench();

describe("a base that is not what it was is never started on", () => {
  test.each([
    ["written to", () => writeFileSync(bed.image, "x", { flag: "r+" }), "it was written to at"],
    ["grown", () => truncateSync(bed.image, 2 << 20), `it has 2097152 bytes, and had ${DEMO_DISK_BYTES}`],
    [
      "replaced",
      () => {
        const other = `${bed.image}.new`;
        writeFileSync(other, demoImage());
        truncateSync(other, DEMO_DISK_BYTES);
        renameSync(other, bed.image);
      },
      "another file has its name",
    ],
  ])("when it was %s", async (_, change, why) => {
    await run(OVERLAY);
    await booted(1);
    change();
    const written = hashOf(filesOf().overlay);
    await kill();
    expect(await failure()).toContain(
      `${bed.image} is not the image any more that this machine's disk was made over: ${why}`,
    );
    expect(hashOf(filesOf().overlay)).toBe(written);
  });

  test("nor when it is gone", async () => {
    await run(OVERLAY);
    await booted(1);
    rmSync(bed.image);
    await kill();
    expect(await failure()).toContain("no such file");
  });
});

describe("a disk with somebody's data is never written over", () => {
  const start = async (): Promise<void> => {
    await run(OVERLAY);
    await booted(1);
    await restart();
    await booted(2);
  };

  test("when its record is lost the machine does not start", async () => {
    await start();
    const { record, overlay } = filesOf();
    rmSync(record);
    await kill();
    expect(await failure()).toContain(
      `this machine has run on a disk of its own (overlay), and ${record} is not there`,
    );
    expect(existsSync(overlay)).toBe(true);
  });

  test("nor when its machine has moved the agent's directory away, so that the image could be taken for its disk", async () => {
    await start();
    const { dir: own, overlay } = filesOf();
    renameSync(own, `${own}.moved`);
    await kill();
    expect(await failure()).toContain("this machine has run on a disk of its own (overlay)");
    expect(existsSync(overlay)).toBe(false);
    expect(hashOf(bed.image)).toBe(DEMO_DISK_SHA256);
  });

  test("when its record cannot be read neither", async () => {
    await start();
    const { record } = filesOf();
    writeFileSync(record, '{"format":2}');
    await kill();
    expect(await failure()).toContain(`${record} cannot be read`);
  });

  test("when the disk itself is lost no empty one takes its place", async () => {
    await start();
    const { overlay } = filesOf();
    rmSync(overlay);
    await kill();
    expect(await failure()).toContain(`the disk of this machine is gone: there is no ${overlay}`);
    expect(existsSync(overlay)).toBe(false);
  });

  test("an agent that was killed between making a disk and giving it its name is made up for", async () => {
    await start();
    const { overlay } = filesOf();
    renameSync(overlay, unfinished(overlay));
    await kill();
    await booted(3);
    expect(existsSync(overlay)).toBe(true);
    expect(existsSync(unfinished(overlay))).toBe(false);
  });

  test("what a QEMU that was taken over wrote into its overlay is refused", async () => {
    await start();
    const { overlay } = filesOf();
    const { identity } = await machineOf(bed.agent, "running");
    process.kill(identity.pid, "SIGSTOP");
    const header = readFileSync(overlay);
    header.write("/etc/shadow", 4096);
    header.writeBigUInt64BE(4096n, 8);
    header.writeUInt32BE("/etc/shadow".length, 16);
    writeFileSync(overlay, header.subarray(0, 8192), { flag: "r+" });
    process.kill(identity.pid, "SIGKILL");
    const said = await failure();
    expect(said).toContain(
      `expected the overlay that paddock made in ${overlay}, found a qcow2 image with a backing file`,
    );
  });
});
