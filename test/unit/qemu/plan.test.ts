import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AppError } from "../../../src/base/errors.ts";
import type { LaunchPlan, WordOrigin } from "../../../src/qemu/launch.ts";
import { keepsPanicked } from "../../../src/qemu/panic.ts";
import { planLaunch } from "../../../src/qemu/plan.ts";
import { type LaunchChange, launchInput } from "../../helpers/launch-input.ts";
import { refusalOf } from "../../helpers/refusal.ts";

const GOLDEN = join(import.meta.dir, "../../golden/qemu");

const plan = (change: LaunchChange = {}): LaunchPlan => planLaunch(launchInput(change));
const argvOf = (change: LaunchChange = {}): readonly string[] => plan(change).argv.map(({ word }) => word);
const configArgs = (...args: readonly string[]): LaunchChange => ({ config: { args } });

/** The values of every use of an option. */
function valuesOf(argv: readonly string[], option: string): readonly string[] {
  return argv.flatMap((word, index) => (word === option ? [argv[index + 1] ?? ""] : []));
}

const refusal = (change: LaunchChange): AppError => refusalOf(() => plan(change));

function originText(origin: WordOrigin): string {
  if (origin.kind === "emulator") return "the emulator";
  if (origin.kind === "paddock") return `paddock: ${origin.why}`;
  if (origin.kind === "job") return origin.attribute;
  return `config.args[${origin.index}]${origin.note === undefined ? "" : `: ${origin.note}`}`;
}

/** One word per line with its origin, and what else a plan says. */
function render(launch: LaunchPlan): string {
  const width = Math.min(72, Math.max(...launch.argv.map(({ word }) => word.length)));
  const lines = launch.argv.map(({ word, origin }) => `${word.padEnd(width)}  # ${originText(origin)}`);
  const serial = launch.serial.ours ? "ours" : `not ours, because of ${launch.serial.because}`;
  return [...lines, "", `serial: ${serial}`, ...launch.warnings.map((text) => `warning: ${text}`), ""].join("\n");
}

describe("the command line of", () => {
  const cases = readdirSync(GOLDEN).filter((name) => name.endsWith(".json"));
  test.each(cases)("%s is the one on record", (name) => {
    const change: LaunchChange = JSON.parse(readFileSync(join(GOLDEN, name), "utf8"));
    const record = join(GOLDEN, name.replace(/\.json$/, ".argv"));
    const rendered = render(plan(change));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(record, rendered);
    expect(rendered).toBe(readFileSync(record, "utf8"));
  });
});

test("a channel to the guest agent that args bring as well is refused by their words, and another one is not", () => {
  const withAgent = (...args: readonly string[]) => ({ config: { args, guest_agent: true } });
  for (const args of [
    ["-device", "virtio-serial", "-device", "virtserialport,chardev=x,name=org.qemu.guest_agent.0"],
    ["-device", "virtio-serial", "-device", '{"driver":"virtserialport","name":"org.qemu.guest_agent.0"}'],
    ["-device", "virtio-serial", "-chardev", "socket,path=/x,server=on,wait=off,id=qga0"],
  ]) {
    const { code, message } = refusal(withAgent(...args));
    expect(code).toBe("invalid");
    expect(message).toStartWith("config.args[2]: ");
    expect(message).toContain("and so does config.guest_agent");
  }
  expect(argvOf(withAgent("-device", "virtserialport,chardev=qga0,name=mine"))).toContain("virtio-serial");
  expect(argvOf(configArgs("-chardev", "null,id=qga0"))).not.toContain("virtio-serial");
});

test("Nomad's order is kept: user args after the defaults and before the network", () => {
  const argv = argvOf({
    config: { args: ["-vga", "none"], graceful_shutdown: true, accelerator: "kvm" },
    forwards: [{ label: "a", protocol: "tcp", hostAddress: "", hostPort: 20000, guestPort: 80 }],
    kvm: { usable: true, reason: "" },
  });
  const order = ["-machine", "-name", "-m", "-drive", "-display", "-mon", "-vga", "-netdev", "-enable-kvm"];
  const places = order.map((option) => argv.indexOf(option));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(places).not.toContain(-1);
});

describe("the device that tells of a guest's panic", () => {
  const devices = (change: LaunchChange): readonly string[] =>
    valuesOf(argvOf(change), "-device").filter((value) => value.includes("pvpanic"));
  const pci = { path: "/usr/bin/qemu-system-aarch64", version: "7.2.22", panicDevice: "pvpanic-pci" };

  test.each<[string, LaunchChange, readonly string[]]>([
    ["is there on pc", {}, ["pvpanic"]],
    ["is there on a versioned q35", { config: { machine_type: "pc-q35-7.2" } }, ["pvpanic"]],
    ["is there on the board that args name last", configArgs("-M", "microvm", "-machine", "q35,usb=on"), ["pvpanic"]],
    ["is not there on a board of args without its bus", configArgs("-M", "microvm"), []],
    ["is not there on a board without its bus", { config: { machine_type: "isapc" } }, []],
    ["is not there under -nodefaults", configArgs("--nodefaults"), []],
    ["is not there twice", configArgs("-device", "pvpanic,events=1"), ["pvpanic,events=1"]],
    ["is not there twice in JSON", configArgs("-device", '{"driver":"pvpanic-pci"}'), ['{"driver":"pvpanic-pci"}']],
    ["is not there where QEMU has none", { emulator: { path: "/usr/bin/qemu-system-x86_64", version: "7.2" } }, []],
    ["is a PCI device on Arm's virt", { emulator: pci, config: { machine_type: "virt-7.2" } }, ["pvpanic-pci"]],
    ["is not there on Arm's other boards", { emulator: pci, config: { machine_type: "raspi3b" } }, []],
  ])("%s", (_, change, expected) => {
    expect(devices(change)).toEqual(expected);
  });

  test.each<[readonly string[], boolean]>([
    [[], false],
    [["-action", "panic=pause"], true],
    [["--action", "reboot=shutdown,panic=pause"], true],
    [["-action", "panic=pause", "-action", "panic=none"], false],
    [["-no-shutdown"], false],
  ])("args %j keep a machine that panicked: %p", (args, expected) => {
    expect(keepsPanicked(plan(configArgs(...args)).argv)).toBe(expected);
  });
});

test("the environment of QEMU has nothing of the agent's or the task's", () => {
  expect(Object.keys(plan().env).sort()).toEqual(["LC_ALL", "PATH", "TMPDIR"]);
});

describe("a name cannot add an option", () => {
  test("when the image's name has a comma", () => {
    const argv = argvOf({ config: { image_path: "local/x,process=evil" } });
    expect(valuesOf(argv, "-name")).toEqual(["guest=x,,process=evil"]);
    expect(argv.filter((word) => word.includes("evil"))).toHaveLength(1);
  });

  test.each([
    ["image_path", { config: { image_path: "local/a\nb" } }],
    ["journal", { journalPrefix: "/data/a\u0000b" }],
    ["serial log", { serialLog: "/data/a\u001bb" }],
  ])("when the %s has a control character", (_, change) => {
    expect(refusal(change).message).toContain("control character");
  });

  test.each([
    ["config.accelerator", { config: { accelerator: "tcg,kernel=/etc/shadow" } }],
    ["config.accelerator", { config: { accelerator: "xen" } }],
    ["config.machine_type", { config: { machine_type: "pc,kernel=/etc/shadow" } }],
    ["config.machine_type", { config: { machine_type: "help" } }],
    ["config.machine_type", { config: { machine_type: "" } }],
    ["config.drive_interface", { config: { drive_interface: "ide,file=/etc/shadow" } }],
    ["network.dns.servers", { dns: { servers: ["1.2.3.4,guestfwd=tcp:1.2.3.4:1-cmd:id"], searches: [] } }],
    ["network.dns.servers", { dns: { servers: ["fe80::1%eth0"], searches: [] } }],
    ["network.dns.searches", { dns: { servers: [], searches: ["a,hostfwd=tcp::22-:22"] } }],
    ["network.dns.searches", { dns: { servers: [], searches: ["a\nb"] } }],
    ["network.dns.searches", { dns: { servers: [], searches: ["a".repeat(300)] } }],
    ['port "a"', { forwards: [{ label: "a", protocol: "tcp", hostAddress: "::1", hostPort: 1, guestPort: 1 }] }],
  ] satisfies [string, LaunchChange][])("when %s is %j", (field, change) => {
    expect(refusal(change).message).toStartWith(field);
  });
});

test("a drive interface that was misspelt is met with the nearest one", () => {
  expect(refusal({ config: { drive_interface: "virtoi" } }).hint).toBe('did you mean "virtio"?');
});

test.each([127, 4_000_001, 1.5])("%d MiB of memory are refused as by Nomad's driver", (memory) => {
  expect(refusal({ resources: { memory } }).message).toContain(`found ${memory}`);
});

test("a server with an IPv6 address is given as such", () => {
  expect(valuesOf(argvOf({ dns: { servers: ["2001:db8::53"], searches: [] } }), "-netdev")).toEqual([
    "user,id=user.0,ipv6-dns=2001:db8::53",
  ]);
});

test("without ports and dns there is no network card of ours", () => {
  expect(argvOf()).not.toContain("-netdev");
});

test("a socket path that QEMU could not open is refused with the way out", () => {
  const sockets = { ...launchInput().sockets, qmp: `/${"x".repeat(108)}` };
  expect(refusal({ sockets }).hint).toContain("run_dir");
});

describe("KVM that does not work on this node", () => {
  test("is refused with the probe's reason and the way out", () => {
    const error = refusal({ config: { accelerator: "kvm" } });
    expect(error.code).toBe("unplaceable");
    expect(error.message).toContain("a guest hung under /dev/kvm");
    expect(error.hint).toContain('accelerator = "tcg"');
  });

  test.each([
    [["-enable-kvm"]],
    [["--accel", "kvm,thread=single"]],
    [["-machine", "q35,accel=kvm:tcg"]],
    [["-M", "accel=kvm"]],
  ])("is refused when %j ask for it", (args) => {
    expect(refusal(configArgs(...args)).code).toBe("unplaceable");
  });

  test("is no matter to words that only look like it", () => {
    expect(argvOf(configArgs("-append", "-enable-kvm", "-accel", "tcg"))).toContain("-append");
  });
});

describe("the serial port", () => {
  test("has a socket and no log where the job's logs are disabled", () => {
    const launch = planLaunch(launchInput({ serialLog: null }));
    expect(launch.serial).toEqual({ ours: true, disabled: true });
    const words = launch.argv.map(({ word }) => word);
    expect(words.find((word) => word.startsWith("socket,id=paddock-serial"))).toEndWith("server=on,wait=off");
    expect(words).toContain("chardev:paddock-serial");
  });

  test.each([
    [["-serial", "mon:stdio"]],
    [["--serial", "none"]],
    [["-chardev", "null,id=n", "-device", "isa-serial,chardev=n"]],
    [["-device", '{"driver":"isa-serial","chardev":"n"}']],
  ])("is the user's with %j", (args) => {
    const launch = plan(configArgs(...args));
    expect(launch.serial.ours).toBe(false);
    expect(launch.argv.map(({ word }) => word).join(" ")).not.toContain("paddock-serial");
  });

  test.each([
    [["-nographic"]],
    [["-nodefaults"]],
    [["-monitor", "stdio"]],
    [["-append", "-serial"]],
    [["-device", "virtio-serial-pci"]],
    [["-name", "isa-serial"]],
  ])("is ours with %j", (args) => {
    expect(plan(configArgs(...args)).serial).toEqual({ ours: true });
  });
});

test("the cores of a job become processors under KVM unless args say how many", () => {
  const kvm = { usable: true, reason: "" };
  const change = (args: string[]): LaunchChange => ({
    config: { accelerator: "kvm", args },
    resources: { cores: 3 },
    kvm,
  });
  expect(valuesOf(argvOf(change([])), "-smp")).toEqual(["3"]);
  expect(valuesOf(argvOf(change(["--smp", "2"])), "-smp")).toEqual([]);
  expect(argvOf({ resources: { cores: 3 } })).not.toContain("-smp");
});

test("every refused argument is named, with its place", () => {
  const error = refusal({ config: { args: ["-usbdevice", "tablet", "-daemonize"] }, args_allowlist: ["-daemonize"] });
  expect(error.message).toContain('config.args[0]: "-usbdevice" is not in args_allowlist');
  expect(error.message).toContain('config.args[2]: "-daemonize" cannot be used');
});

test("a word that QEMU takes for a disk image is told", () => {
  expect(plan(configArgs("-snapshot", "on")).warnings).toEqual([
    'config.args[1]: QEMU takes "on" for a disk image, because no option before it has a value',
  ]);
});

describe("what is recorded of the disk", () => {
  const disk = { name: "a.img", realPath: "/d/disk.qcow2", format: "qcow2", mode: "overlay", virtualSize: 9 } as const;
  const base = { format: "raw", realPath: "/i/a.img", identity: { dev: 1, ino: 2 } } as const;
  const own = { dev: 1, ino: 3 };
  const recorded = (change: LaunchChange): LaunchPlan["image"] => plan(change).image;

  test("says what is written to, and what is only read", () => {
    const image = { ...disk, identity: own, base };
    const told = {
      path: "/d/disk.qcow2",
      format: "qcow2",
      mode: "overlay" as const,
      size: 9,
      base: { path: "/i/a.img", format: "raw" },
    };
    expect(recorded({ image })).toEqual({ ...told, written: own, read: [base.identity] });
    expect(recorded({ image, ...configArgs("-snapshot") })).toEqual({
      ...told,
      written: undefined,
      read: [own, base.identity],
    });
    expect(plan({ image }).disk).toEqual({ readWrite: 4, readOnly: 5, base: 7 });
  });

  test("a CD-ROM is only read", () => {
    const image = { name: "a.iso", format: "raw", cdrom: true, identity: own } as const;
    expect(recorded({ image })).toMatchObject({ written: undefined, read: [own], mode: "direct" });
    expect(plan({ image }).disk).toEqual({ readWrite: null, readOnly: 5 });
    expect(argvOf({ image })).not.toContain("fd=4,set=1");
  });
});
