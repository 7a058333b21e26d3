import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEMO_BANNER, DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { overlayBytes } from "../../src/image/overlay.ts";
import type { MachineSockets } from "../../src/paths.ts";
import type { LaunchPlan } from "../../src/qemu/launch.ts";
import { planLaunch } from "../../src/qemu/plan.ts";
import { parseJournal, type QmpEvent } from "../../src/qmp/event.ts";
import { hashOf } from "./hash.ts";
import { type LaunchChange, launchInput } from "./launch-input.ts";
import { type TempDir, tempDir } from "./temp.ts";
import { Hopeless, until } from "./until.ts";

/** A QEMU that runs, started from a launch plan or by hand, on a demo disk of its own. */
export interface Machine extends AsyncDisposable {
  readonly dir: string;
  readonly pid: number;
  readonly sockets: MachineSockets;
  readonly plan: LaunchPlan | null;
  /** Shell's exit status of QEMU. */
  readonly exited: Promise<number>;
  serial(): string;
  stdout(): string;
  stderr(): string;
  journal(): readonly QmpEvent[];
  /** The demo guest's first line, without its line end; fails when QEMU ends before. */
  banner(from?: () => string): Promise<string>;
  /** Whether the disk's file is another than before QEMU was started. */
  diskWritten(): boolean;
  /** The same of the image that an overlay stands over. */
  baseWritten(): boolean;
}

export interface MachineOptions {
  readonly change?: LaunchChange;
  readonly format?: "raw" | "qcow2";
  /** The disk is an overlay of ours over the demo disk. */
  readonly overlay?: boolean;
}

/** Spawns what `planLaunch` makes of the change, the way the supervisor does: through a shell, the disk on descriptors 4 and 5. */
export async function startMachine(options: MachineOptions = {}): Promise<Machine> {
  const temp = tempDir();
  const format = options.format ?? "raw";
  const image = await demoDisk(temp, format);
  const overlay = temp.file("overlay.qcow2");
  if (options.overlay === true) writeFileSync(overlay, overlayBytes(DEMO_DISK_BYTES));
  const sockets = socketsIn(temp.path);
  const journalPrefix = temp.file("ev,1");
  writeFileSync(`${journalPrefix}.in`, '{"execute":"qmp_capabilities"}\n');
  writeFileSync(`${journalPrefix}.out`, "");
  mkdirSync(temp.file("tmp"));
  const plan = planLaunch(
    launchInput({
      image: options.overlay === true ? { name: image, format: "qcow2", base: { format } } : { name: image, format },
      sockets,
      journalPrefix,
      serialLog: temp.file("serial,log"),
      cwd: temp.path,
      tmp: temp.file("tmp"),
      ...options.change,
    }),
  );
  return spawnMachine(
    temp,
    plan.argv.map(({ word }) => word),
    plan,
    options.overlay === true ? { disk: overlay, base: image } : { disk: image, base: null },
  );
}

/** Nomad's own command line for a demo disk, with `-nographic` and the disk by its name: what plain QEMU does with `args`. */
export async function startPlain(options: {
  readonly args: readonly string[];
  readonly driveInterface?: string;
}): Promise<Machine> {
  const temp = tempDir();
  const image = await demoDisk(temp, "raw");
  const drive = `file=${image},if=${options.driveInterface ?? "ide"},id=image0,format=raw`;
  const nomads = ["-machine", "type=pc,accel=tcg", "-name", "demo.img", "-m", "300M", "-drive", drive, "-nographic"];
  return spawnMachine(temp, ["/usr/bin/qemu-system-x86_64", ...nomads, ...options.args], null, {
    disk: image,
    base: null,
  });
}

/** The firmware's last full stop may come late, at the guest's first timer interrupt, which it takes behind the boot counter. */
const BANNER = new RegExp(`${DEMO_BANNER}[^\\r.]*\\.?( ro)?(?=\\r\\n)`);

/** A blank disk beside the demo disk in every machine's directory, for `args` that add one. */
export const SECOND_DISK = "second.img";

async function demoDisk(temp: TempDir, format: "raw" | "qcow2"): Promise<string> {
  const raw = temp.file("demo.img");
  writeFileSync(raw, demoImage());
  truncateSync(raw, DEMO_DISK_BYTES);
  writeFileSync(temp.file(SECOND_DISK), new Uint8Array(1 << 20));
  if (format === "raw") return raw;
  const converted = temp.file("demo.qcow2");
  const child = Bun.spawn(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, converted]);
  if ((await child.exited) !== 0) throw new Error("qemu-img could not convert the demo disk");
  return converted;
}

function socketsIn(dir: string): MachineSockets {
  const socket = (name: string): string => join(dir, `${name},x.sock`);
  return { dir, qmp: socket("qmp"), serial: socket("serial"), hmp: socket("qm"), guestAgent: socket("qa") };
}

interface Disk {
  readonly disk: string;
  readonly base: string | null;
}

function spawnMachine(temp: TempDir, argv: readonly string[], plan: LaunchPlan | null, { disk, base }: Disk): Machine {
  const before = hashOf(disk);
  const baseBefore = base === null ? "" : hashOf(base);
  const opened = [
    openSync(temp.file("stdout"), "a"),
    openSync(temp.file("stderr"), "a"),
    openSync(disk, "r+"),
    openSync(disk, "r"),
    openSync(base ?? "/dev/null", "r"),
  ] as const;
  const [out, err, readWrite, readOnly, third] = opened;
  const more = base === null ? [] : ["ignore", third];
  const child = Bun.spawn(["/bin/sh", "-c", 'exec "$@" 3>&-', "sh", ...argv], {
    cwd: temp.path,
    env: { ...(plan?.env ?? { PATH: "/usr/bin:/bin" }) },
    stdio: ["ignore", out, err, "ignore", readWrite, readOnly, ...more] as unknown as ["ignore", "ignore", "ignore"],
    detached: true,
  });
  for (const fd of opened) closeSync(fd);
  const text = (name: string): string => (existsSync(temp.file(name)) ? readFileSync(temp.file(name), "latin1") : "");
  const serial = (): string => text("serial,log");
  return {
    dir: temp.path,
    pid: child.pid,
    sockets: socketsIn(temp.path),
    plan,
    exited: child.exited,
    serial,
    stdout: () => text("stdout"),
    stderr: () => text("stderr"),
    journal: () => parseJournal(readFileSync(temp.file("ev,1.out"))).events,
    banner: (from = serial) =>
      until("the guest's banner", () => {
        const line = BANNER.exec(from())?.[0].replace(".", "");
        if (line === undefined && child.exitCode !== null) throw new Hopeless(text("stderr"));
        return line;
      }),
    diskWritten: () => hashOf(disk) !== before,
    baseWritten: () => base !== null && hashOf(base) !== baseBefore,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
      await temp[Symbol.asyncDispose]();
    },
  };
}
