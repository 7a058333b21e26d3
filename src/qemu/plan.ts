import { posix } from "node:path";
import { AppError } from "../base/errors.ts";
import type { BootDisk } from "../image/checked.ts";
import { type DiskRecord, isInPlace } from "../image/disk-record.ts";
import type { QemuConfig, Resources } from "../job/job.ts";
import type { Emulator, KvmFacts } from "../node/node.ts";
import type { MachineUser } from "../node/users.ts";
import { MAX_SOCKET_PATH, type MachineSockets } from "../paths.ts";
import { SERIAL_CHARDEV } from "../qmp/commands.ts";
import { assertAccelerator } from "./accelerator.ts";
import { optionsNamed, ownSerial, readArguments } from "./arguments.ts";
import { bootDiskWords, type DiskInput, diskFds } from "./disk.ts";
import { assertOneGuestAgent, guestAgentWords } from "./guest-agent.ts";
import type { Forward, LaunchPlan, Word, WordOrigin } from "./launch.ts";
import { type Dns, networkWords } from "./network.ts";
import { panicWords } from "./panic.ts";
import { assertArguments } from "./policy.ts";
import { quote } from "./quote.ts";

/** Everything that a machine's command line follows from. */
export interface LaunchInput {
  /** After interpolation. */
  readonly config: QemuConfig;
  readonly resources: Pick<Resources, "memory" | "cores">;
  readonly image: LaunchImage;
  readonly emulator: Pick<Emulator, "path" | "version" | "panicDevice">;
  readonly kvm: KvmFacts;
  /** From `forwardsOf`. */
  readonly forwards: readonly Forward[];
  /** From `dnsOf`. */
  readonly dns: Dns;
  readonly sockets: MachineSockets;
  /** Absolute: `journalPrefix` of src/paths.ts. */
  readonly journalPrefix: string;
  /** Absolute: where QEMU appends what the guest writes to its serial port; null when the job has `logs { disabled = true }`. */
  readonly serialLog: string | null;
  /** Absolute: the task directory. */
  readonly cwd: string;
  /** Absolute: where QEMU keeps what a guest writes under `-snapshot`. */
  readonly tmp: string;
  /** What QEMU is to run as; null for the agent's own user. */
  readonly user: MachineUser | null;
  /** The agent's lists; empty allows everything. */
  readonly args_allowlist: readonly string[];
}

/** What is known of the boot disk; no more than name and format where a machine is only imagined. */
export type LaunchImage = DiskInput &
  Pick<BootDisk, "name"> &
  Partial<Pick<BootDisk, "realPath" | "identity" | "virtualSize">> & {
    readonly record?: DiskRecord;
    readonly base?: (Pick<BootDisk, "format"> & Partial<Pick<BootDisk, "realPath" | "identity">>) | null;
  };

/** What Nomad's driver takes, in MiB. */
const LEAST_MEMORY = 128;
const MOST_MEMORY = 4_000_000;

const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Makes the command line of a machine, in the order that Nomad's driver has. Pure: what `explain` prints is what is spawned.
 * @throws AppError `invalid` for a value that may not or cannot be given to QEMU, `unplaceable` when KVM is asked for and does not
 * work on this node, `unsupported` for another accelerator.
 */
export function planLaunch(input: LaunchInput): LaunchPlan {
  const { config } = input;
  assertArguments(config.args, input.args_allowlist);
  assertOneGuestAgent(config);
  assertAccelerator(config, input.kvm);
  checkSockets(input);
  const args = readArguments(config.args);
  const own = ownSerial(args);
  const user = userWords(config.args, input.emulator.version);
  return {
    argv: [
      { word: input.emulator.path, origin: { kind: "emulator" } },
      ...machineWords(input),
      ...bootDiskWords(input.image, config.drive_interface, config.machine_type),
      ...consoleWords(input, own === undefined),
      ...monitorWords(input),
      ...guestAgentWords(config, input.sockets),
      ...user.words,
      ...networkWords(input.forwards, input.dns),
      ...acceleratorWords(input, optionsNamed(args, "smp").length > 0),
      // Last, so that on a PCI board every device of the user's keeps its slot.
      ...panicWords(args, input.emulator, config.machine_type),
    ],
    cwd: input.cwd,
    env: { PATH, LC_ALL: "C", TMPDIR: input.tmp },
    user: input.user,
    forwards: input.forwards,
    disk: diskFds(input.image),
    serial: own === undefined ? ourSerial(input) : { ours: false, because: own },
    warnings: user.warnings,
    image: describeDisk(input.image, optionsNamed(args, "snapshot").length > 0),
    qemu: input.emulator.version,
  };
}

/** @param snapshot what the guest writes goes elsewhere, and the disk is only read. */
function describeDisk(image: LaunchImage, snapshot: boolean): NonNullable<LaunchPlan["image"]> {
  const { identity, base, record } = image;
  const isRead = snapshot || image.cdrom === true;
  const read = [...(isRead ? [identity] : []), base?.identity].filter((file) => file !== undefined);
  return {
    path: image.realPath ?? image.name,
    format: image.format,
    written: isRead ? undefined : identity,
    read,
    mode: image.mode ?? "direct",
    ...(image.virtualSize !== undefined && { size: image.virtualSize }),
    ...(base != null && { base: { path: base.realPath ?? image.name, format: base.format } }),
    ...(record !== undefined && isInPlace(record) && { record }),
  };
}

function checkSockets({ sockets, config }: LaunchInput): void {
  const used = [
    sockets.qmp,
    sockets.serial,
    ...(config.graceful_shutdown ? [sockets.hmp] : []),
    ...(config.guest_agent ? [sockets.guestAgent] : []),
  ];
  const long = used.find((path) => Buffer.byteLength(path) > MAX_SOCKET_PATH);
  if (long === undefined) return;
  throw new AppError("invalid", `run_dir: socket path ${long} is longer than ${MAX_SOCKET_PATH} bytes`, {
    hint: "give the agent a shorter run_dir",
  });
}

function machineWords({ config, resources, image }: LaunchInput): readonly Word[] {
  return [
    ...from(
      "config.machine_type and config.accelerator",
      "-machine",
      `type=${machineType(config.machine_type)},accel=${config.accelerator}`,
    ),
    // With its key, because a name may hold an equals sign.
    ...from("config.image_path", "-name", `guest=${quote(posix.basename(image.name), "config.image_path")}`),
    ...from("resources.memory", "-m", `${memory(resources.memory)}M`),
    ...ours("what the host's qemu.conf adds would be no part of the job", "-no-user-config"),
    ...ours("QEMU may not start programs or gain rights", "-sandbox", SANDBOX),
  ];
}

function machineType(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/.test(text) && text !== "help") return text;
  throw new AppError(
    "invalid",
    `config.machine_type: expected a name such as pc or q35, found ${JSON.stringify(text)}`,
    {
      hint: "further options of the machine go into args: -machine KEY=VALUE",
    },
  );
}

function memory(mebibytes: number): number {
  if (Number.isInteger(mebibytes) && mebibytes >= LEAST_MEMORY && mebibytes <= MOST_MEMORY) return mebibytes;
  throw new AppError("invalid", `resources.memory: expected ${LEAST_MEMORY} to ${MOST_MEMORY} MiB, found ${mebibytes}`);
}

/** What `-nographic` does for Nomad's driver, but with the serial port in our hands and no prompt on stdout. */
function consoleWords({ sockets, serialLog }: LaunchInput, serialIsOurs: boolean): readonly Word[] {
  const socket = socketOption(SERIAL_CHARDEV, sockets.serial);
  const log = serialLog === null ? "" : `,logfile=${quote(serialLog, "data_dir")},logappend=on`;
  const why = serialLog === null ? "the serial port; the job's logs are disabled" : "the serial port, and its log";
  return [
    ...ours("no window", "-display", "none"),
    ...ours("firmware and boot loader write to the serial port too, as under -nographic", "-machine", "graphics=off"),
    ...(serialIsOurs ? ours(why, "-chardev", `${socket}${log}`) : []),
    ...(serialIsOurs ? ours(why, "-serial", `chardev:${SERIAL_CHARDEV}`) : []),
  ];
}

function ourSerial({ serialLog }: LaunchInput): LaunchPlan["serial"] {
  return serialLog === null ? { ours: true, disabled: true } : { ours: true };
}

/** Any `-mon` keeps QEMU from making a monitor by itself. */
function monitorWords({ config, sockets, journalPrefix }: LaunchInput): readonly Word[] {
  const journal = `pipe,id=paddock-journal,path=${quote(journalPrefix, "data_dir")}`;
  return [
    ...ours("the agent's monitor", "-chardev", socketOption("paddock-qmp", sockets.qmp)),
    ...ours("the agent's monitor", "-mon", "chardev=paddock-qmp,mode=control"),
    ...ours("the journal of events", "-chardev", journal),
    ...ours("the journal of events", "-mon", "chardev=paddock-journal,mode=control"),
    ...(config.graceful_shutdown
      ? [
          ...from("config.graceful_shutdown", "-chardev", socketOption("paddock-hmp", sockets.hmp)),
          ...from("config.graceful_shutdown", "-mon", "chardev=paddock-hmp,mode=readline"),
        ]
      : []),
  ];
}

function socketOption(id: string, path: string): string {
  return `socket,id=${id},path=${quote(path, "run_dir")},server=on,wait=off`;
}

interface UserWords {
  readonly words: readonly Word[];
  readonly warnings: readonly string[];
}

/** `config.args` word by word as they are; what QEMU no longer has is replaced and what may be a slip is told. */
function userWords(args: readonly string[], version: string): UserWords {
  const read = readArguments(args);
  const gone = Number.parseInt(version, 10) >= 3 ? optionsNamed(read, "nodefconfig").map(({ index }) => index) : [];
  const note = `QEMU ${version} has no -nodefconfig`;
  return {
    words: args.map((word, index) =>
      gone.includes(index)
        ? { word: "-no-user-config", origin: { kind: "args", index, note } }
        : { word, origin: { kind: "args", index } },
    ),
    warnings: [
      ...gone.map((index) => `config.args[${index}]: ${note}; replaced by -no-user-config`),
      ...read
        .filter((argument) => argument.kind === "image")
        .map(
          ({ index, word }) =>
            `config.args[${index}]: QEMU takes ${JSON.stringify(word)} for a disk image, because no option before it has a value`,
        ),
    ],
  };
}

function acceleratorWords({ config, resources }: LaunchInput, ownSmp: boolean): readonly Word[] {
  if (config.accelerator !== "kvm") return [];
  const enable = from("config.accelerator", "-enable-kvm");
  return resources.cores > 0 && !ownSmp
    ? [...enable, ...from("resources.cores", "-smp", String(resources.cores))]
    : enable;
}

function words(origin: WordOrigin, texts: readonly string[]): readonly Word[] {
  return texts.map((word) => ({ word, origin }));
}

const ours = (why: string, ...texts: readonly string[]): readonly Word[] => words({ kind: "paddock", why }, texts);
const from = (attribute: string, ...texts: readonly string[]): readonly Word[] =>
  words({ kind: "job", attribute }, texts);
