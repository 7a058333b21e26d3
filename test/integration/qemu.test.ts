import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execProgram } from "../../src/base/exec.ts";
import { silentLog } from "../../src/base/log.ts";
import { OPTIONS_WITH_VALUE, OPTIONS_WITHOUT_VALUE } from "../../src/qemu/options.ts";
import { connectQmp } from "../../src/qmp/client.ts";
import type { LaunchChange } from "../helpers/launch-input.ts";
import { type Machine, SECOND_DISK, startMachine, startPlain } from "../helpers/machine.ts";
import { until } from "../helpers/until.ts";

/** The answer to one QMP command of a machine whose monitor nobody holds. */
async function ask(machine: Machine, command: string, args?: Record<string, string>): Promise<string> {
  const client = await connectQmp(machine.sockets.qmp, {
    deadlineMillis: 10_000,
    log: silentLog,
    onEvent: () => undefined,
    onClose: () => undefined,
  });
  const answer = await client.execute(command, args, { deadlineMillis: 5_000 });
  client.close();
  return JSON.stringify(answer);
}

describe("the boot disk boots over its descriptors", () => {
  const cases: readonly [string, "raw" | "qcow2", LaunchChange["config"]][] = [
    ["raw on ide", "raw", {}],
    ["qcow2 on ide", "qcow2", {}],
    ["raw on virtio", "raw", { drive_interface: "virtio" }],
    ["qcow2 on scsi, whose controller we add", "qcow2", { drive_interface: "scsi" }],
    ["raw on floppy", "raw", { drive_interface: "floppy" }],
    ["raw on q35", "raw", { machine_type: "q35" }],
    ["qcow2 on q35 with scsi", "qcow2", { machine_type: "q35", drive_interface: "scsi" }],
    ["raw on scsi under -nodefaults", "raw", { drive_interface: "scsi", args: ["-nodefaults"] }],
    [
      "raw without an interface, on a device of the user's",
      "raw",
      { drive_interface: "none", args: ["-device", "ide-hd,drive=image0"] },
    ],
  ];
  test.each(cases)("%s", async (_, format, config = {}) => {
    await using machine = await startMachine({ format, change: { config } });
    expect(await machine.banner()).toMatch(/ mem=300M boot=1$/);
    // The guest counted its start on the disk, so the descriptor can be written.
    process.kill(machine.pid, "SIGTERM");
    await machine.exited;
    expect(machine.diskWritten()).toBe(true);
  });

  test("and a qcow2 has no backing file to follow", async () => {
    await using machine = await startMachine({ format: "qcow2" });
    await machine.banner();
    const block = await ask(machine, "query-block");
    expect(block).toContain('"drv":"qcow2"');
    expect(block).toContain('"backing_file_depth":0');
    expect(machine.stderr()).toBe("");
  });
});

describe("an overlay boots over its base, which is never written to", () => {
  const cases: readonly [string, "raw" | "qcow2", LaunchChange["config"]][] = [
    ["raw on ide", "raw", {}],
    ["qcow2 on ide", "qcow2", {}],
    ["raw on virtio", "raw", { drive_interface: "virtio" }],
    ["qcow2 on scsi", "qcow2", { drive_interface: "scsi" }],
    ["qcow2 on q35", "qcow2", { machine_type: "q35" }],
    ["raw under -nodefaults", "raw", { args: ["-nodefaults"] }],
  ];
  test.each(cases)("%s", async (_, format, config = {}) => {
    await using machine = await startMachine({ format, overlay: true, change: { config } });
    expect(await machine.banner()).toMatch(/ mem=300M boot=1$/);
    const block = await ask(machine, "query-block");
    expect(block).toContain('"backing_file_depth":1');
    expect(machine.stderr()).toBe("");
    process.kill(machine.pid, "SIGTERM");
    await machine.exited;
    expect(machine.diskWritten()).toBe(true);
    expect(machine.baseWritten()).toBe(false);
  });

  test("nor by a command to QEMU's monitor that would write all of it into its base", async () => {
    await using machine = await startMachine({ overlay: true });
    await machine.banner();
    const said = await ask(machine, "human-monitor-command", { "command-line": "commit image0" });
    expect(said).toContain("'commit' error for 'image0'");
    process.kill(machine.pid, "SIGTERM");
    await machine.exited;
    expect(machine.baseWritten()).toBe(false);
  });
});

describe("what this QEMU refuses is told in its own words", () => {
  test.each([
    ["sd", "machine type does not support if=sd"],
    ["mtd", "machine type does not support if=mtd"],
  ])("drive_interface %s on pc", async (drive_interface, words) => {
    await using machine = await startMachine({ change: { config: { drive_interface } } });
    expect(await machine.exited).toBe(1);
    expect(machine.stderr()).toContain(words);
  });

  test("an unknown machine type", async () => {
    await using machine = await startMachine({ change: { config: { machine_type: "toaster" } } });
    expect(await machine.exited).toBe(1);
    expect(machine.stderr()).toContain("unsupported machine type");
  });
});

interface Outcome {
  readonly banner: string | null;
  readonly wrote: boolean;
  /** QEMU's errors, without the disk's own words in front. */
  readonly error: string;
}

/** What a machine came to: booted or refused, and whether its disk was written. */
async function outcomeOf(machine: Machine, console: () => string): Promise<Outcome> {
  const banner = await machine.banner(console).catch(() => null);
  if (banner !== null) process.kill(machine.pid, "SIGTERM");
  await machine.exited;
  const error = banner === null ? (/qemu-system-x86_64: (.*)/.exec(machine.stderr())?.[1] ?? "") : "";
  return { banner, wrote: machine.diskWritten(), error };
}

describe("args do what they do with plain QEMU under Nomad's command line", () => {
  const rows: readonly [readonly string[], Partial<Outcome>][] = [
    [[], { wrote: true }],
    [["-snapshot"], { wrote: false }],
    [["-drive", `file=${SECOND_DISK},format=raw`], { wrote: true }],
    [["-hdb", SECOND_DISK], { wrote: true }],
    [["-set", "drive.image0.werror=stop"], { wrote: true }],
    [["-set", "drive.image0.snapshot=on"], { wrote: false }],
    [["-machine", "q35"], { wrote: true }],
    [["-smp", "2", "-m", "256"], { banner: "DEMO GUEST cpus=2 mem=256M boot=1" }],
    [["-no-reboot", "-nographic"], { wrote: true }],
    [["-hda", SECOND_DISK], { banner: null, error: `-hda ${SECOND_DISK}: drive with bus=0, unit=0 (index=0) exists` }],
    [[SECOND_DISK], { banner: null, error: `${SECOND_DISK}: drive with bus=0, unit=0 (index=0) exists` }],
    [["-no-such-option"], { banner: null, error: "-no-such-option: invalid option" }],
  ];
  test.each(rows)("%j", async (args, expected) => {
    await using plain = await startPlain({ args });
    await using ours = await startMachine({ change: { config: { args } } });
    await using over = await startMachine({ overlay: true, change: { config: { args } } });
    const [theirs, own, overlays] = await Promise.all([
      outcomeOf(plain, plain.stdout),
      outcomeOf(ours, ours.serial),
      outcomeOf(over, over.serial),
    ]);
    expect(own).toEqual(theirs);
    expect(overlays).toEqual(theirs);
    expect(own).toMatchObject(expected);
    expect(over.baseWritten()).toBe(false);
  });

  test("a read-only boot disk stays as it is", async () => {
    const args = ["-set", "drive.image0.readonly=on"];
    await using plain = await startPlain({ args, driveInterface: "virtio" });
    await using ours = await startMachine({ change: { config: { args, drive_interface: "virtio" } } });
    await using over = await startMachine({
      overlay: true,
      change: { config: { args, drive_interface: "virtio" } },
    });
    const [theirs, own, overlays] = await Promise.all([
      outcomeOf(plain, plain.stdout),
      outcomeOf(ours, ours.serial),
      outcomeOf(over, over.serial),
    ]);
    expect(own).toEqual(theirs);
    expect(overlays).toEqual(theirs);
    expect(own).toEqual({ banner: "DEMO GUEST cpus=1 mem=300M boot=1 ro", wrote: false, error: "" });
  });

  const settings = [
    "werror=stop",
    "discard=unmap",
    "detect-zeroes=unmap",
    "cache=none",
    "aio=io_uring",
    "cache=unsafe",
  ];
  test.each(settings)("a qcow2 takes -set drive.image0.%s, and so does an overlay", async (setting) => {
    const args = ["-set", `drive.image0.${setting}`];
    for (const overlay of [false, true]) {
      await using machine = await startMachine({ format: "qcow2", overlay, change: { config: { args } } });
      await machine.banner();
      expect(machine.baseWritten()).toBe(false);
    }
  });

  test("a qcow2 stays as it is under -snapshot", async () => {
    await using machine = await startMachine({ format: "qcow2", change: { config: { args: ["-snapshot"] } } });
    const { banner, wrote } = await outcomeOf(machine, machine.serial);
    expect(banner).toContain("boot=1");
    expect(wrote).toBe(false);
  });
});

describe("the console", () => {
  test("is in our log under -nodefaults, where Nomad's would be empty", async () => {
    await using machine = await startMachine({ change: { config: { args: ["-nodefaults", "-nodefconfig"] } } });
    await machine.banner();
    expect(machine.stdout()).toBe("");
  });

  test("is where a -serial of the user's says, relative to the task directory", async () => {
    await using machine = await startMachine({ change: { config: { args: ["-serial", "file:own.log"] } } });
    const own = join(machine.dir, "own.log");
    await machine.banner(() => (existsSync(own) ? readFileSync(own, "latin1") : ""));
    expect(machine.serial()).toBe("");
  });

  test("is COM1 of an isa-serial device of the user's", async () => {
    const args = ["-chardev", "file,id=own,path=own.log", "-device", "isa-serial,chardev=own"];
    await using machine = await startMachine({ change: { config: { args } } });
    const own = join(machine.dir, "own.log");
    await machine.banner(() => (existsSync(own) ? readFileSync(own, "latin1") : ""));
  });

  test("has what the firmware says, as under -nographic", async () => {
    await using machine = await startMachine();
    await machine.banner();
    expect(machine.serial()).toContain("SeaBIOS");
  });

  test("has no prompt and no monitor beside the agent's on it", async () => {
    await using machine = await startMachine({ change: { config: { graceful_shutdown: true, guest_agent: true } } });
    await machine.banner();
    const chardevs = await ask(machine, "query-chardev");
    const labels = [...chardevs.matchAll(/"label":"([^"]*)"/g)].map(([, label]) => label).sort();
    expect(labels).toEqual(["paddock-hmp", "paddock-journal", "paddock-qmp", "paddock-serial", "parallel0", "qga0"]);
    expect(machine.stdout()).toBe("");
    expect(existsSync(machine.sockets.hmp)).toBe(true);
    expect(existsSync(machine.sockets.guestAgent)).toBe(true);
  });
});

test("the journal is written with nobody connected", async () => {
  await using machine = await startMachine();
  await machine.banner();
  process.kill(machine.pid, "SIGTERM");
  await machine.exited;
  expect(machine.journal().at(-1)?.data["reason"]).toBe("host-signal");
});

test("forwarding opens exactly the host ports of the plan", async () => {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  const forward = { label: "a", hostAddress: "127.0.0.1", hostPort: port, guestPort: 80 } as const;
  const forwards = [
    { ...forward, protocol: "udp" },
    { ...forward, protocol: "tcp" },
  ] as const;
  await using machine = await startMachine({
    change: { forwards, dns: { servers: ["192.0.2.53"], searches: ["example.org"] } },
  });
  await machine.banner();
  const hex = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const bound = (table: string): boolean => readFileSync(`/proc/net/${table}`, "utf8").includes(hex);
  await until("both ports", () => bound("tcp") && bound("udp"));
  expect(machine.stderr()).toBe("");
});

test("a qcow2 whose QEMU holds it cannot be started a second time", async () => {
  await using machine = await startMachine({ format: "qcow2" });
  await machine.banner();
  const second = await execProgram(
    [
      "qemu-system-x86_64",
      "-M",
      "none",
      "-nodefaults",
      "-display",
      "none",
      "-drive",
      `if=none,format=qcow2,file=${join(machine.dir, "demo.qcow2")}`,
    ],
    10_000,
  );
  expect(second.stderr).toContain('Failed to get "write" lock');
});

describe("the table of options", () => {
  // Its first pass over the words reads them all before anything else, so the word that is no option must be reached.
  const END = "-no-such-option";
  const listed = async (): Promise<readonly string[]> => {
    const { stdout } = await execProgram(["qemu-system-x86_64", "-help"], 10_000);
    return [...stdout.matchAll(/^--?([A-Za-z][\w-]*)/gm)]
      .map(([, name]) => name ?? "")
      .filter((name) => name !== "help");
  };

  test("has every option that QEMU lists", async () => {
    const names = await listed();
    expect(names.length).toBeGreaterThan(100);
    // `-fda/-fdb` and its like stand in one line, of which the first is seen.
    const unknown = names.filter((name) => !OPTIONS_WITH_VALUE.has(name) && !OPTIONS_WITHOUT_VALUE.has(name));
    expect(unknown).toEqual([]);
  });

  test("says of each whether it takes a value", async () => {
    const names = new Set(await listed());
    const words = [
      ...[...OPTIONS_WITHOUT_VALUE].filter((name) => names.has(name)).map((name) => [`-${name}`]),
      ...[...OPTIONS_WITH_VALUE].filter((name) => names.has(name)).map((name) => [`-${name}`, `-value-of-${name}`]),
    ];
    const { stderr } = await execProgram(["qemu-system-x86_64", ...words.flat(), END], 10_000);
    expect(stderr).toContain(`${END}: invalid option`);
  });
});
