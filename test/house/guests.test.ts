import { expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { grubRescueIso, withoutEscapes } from "../guests/grub.ts";
import { tinyGuest } from "../guests/tiny.ts";
import { freePort } from "../helpers/ports.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

/** Milliseconds within which a guest boots under TCG on a busy machine. */
const BOOT = 60_000;

/** A machine run by plain QEMU, killed at the end of the block. */
interface Machine extends AsyncDisposable {
  /** Waits until `line` stands in its serial output. @returns that output. */
  serial(line: RegExp): Promise<string>;
}

function startQemu(dir: TempDir, args: readonly string[]): Machine {
  const log = dir.file("serial.log");
  const child = Bun.spawn(
    ["qemu-system-x86_64", "-display", "none", "-accel", "tcg", "-serial", `file:${log}`, ...args],
    { stdio: ["ignore", "ignore", Bun.file(dir.file("qemu.err"))] },
  );
  const look = (line: RegExp): string => {
    const text = withoutEscapes(readFileSync(log, "latin1"));
    if (!line.test(text)) throw new Error(`${text.slice(-500)}${readFileSync(dir.file("qemu.err"), "latin1")}`);
    return text;
  };
  return {
    serial: (line) => until(`${line} on the serial port`, () => look(line), { deadline: BOOT, every: 50 }),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

test("the tiny guest boots from its raw disk, says that it is ready and serves its page through a forwarded port", async () => {
  await using dir = tempDir();
  copyFileSync(tinyGuest().raw, dir.file("tiny.img"));
  const port = await freePort();
  const disk = `file=${dir.file("tiny.img")},format=raw,if=virtio`;
  const net = `user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:${port}-:80`;
  await using machine = startQemu(dir, ["-machine", "q35", "-m", "256", "-drive", disk, "-nic", net]);
  expect(await machine.serial(/TINY boots=1/)).toContain("TINY READY ip=10.0.2.15");
  const page = await fetch(`http://127.0.0.1:${port}/cgi-bin/info`);
  expect(await page.json()).toMatchObject({ hostname: "tiny", ip: "10.0.2.15" });
}, 90_000);

for (const kind of ["qcow2", "iso"] as const) {
  test(`the tiny guest boots from its ${kind}`, async () => {
    await using dir = tempDir();
    const disk = `file=${tinyGuest()[kind]},format=${kind === "iso" ? "raw" : "qcow2"},snapshot=on,if=virtio`;
    await using machine = startQemu(dir, ["-machine", "q35", "-m", "256", "-drive", disk]);
    expect(await machine.serial(/TINY READY/)).toContain("TINY READY");
  }, 90_000);
}

test("GRUB's rescue CD greets on the serial port", async () => {
  await using dir = tempDir();
  const args = ["-machine", "pc,graphics=off", "-cdrom", grubRescueIso(), "-nic", "none"];
  await using machine = startQemu(dir, args);
  // The firmware draws its greeting anew wherever the screen scrolls, so that the words do not always stand together.
  expect(await machine.serial(/GRUB|grub>/)).toMatch(/GRUB|grub>/);
}, 90_000);
