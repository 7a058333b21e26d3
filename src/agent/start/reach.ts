import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { AppError, errnoOf } from "../../base/errors.ts";
import { findDenied } from "../../node/access.ts";
import type { MachineUser } from "../../node/users.ts";
import { type Argument, jsonOf, optionsNamed, readArguments, typeOf } from "../../qemu/arguments.ts";
import { type NamedFile, namedFiles } from "../../qemu/files.ts";
import { optionValue, splitOption } from "../../qemu/quote.ts";

/** The way out for what root could and a machine's user cannot. */
const RUN_AS_AGENT = 'set plugin "qemu" { config { dynamic_workload_users = false } }, and machines run as root';

interface Fault {
  /** Of the word in `args`. */
  readonly index: number;
  readonly text: string;
  readonly hint: string;
}

/**
 * Finds what Nomad's QEMU could do as root and a machine's own user cannot, before QEMU fails at it in words that do not say why:
 * files, devices and network devices that `args` name. What is not there at all is left to QEMU to say.
 * @param cwd absolute: the task directory, which the user must be able to reach already.
 * @throws AppError `invalid` that names each by its place in `config.args`.
 */
export async function assertReachable(user: MachineUser, args: readonly string[], cwd: string): Promise<void> {
  const read = readArguments(args);
  const files = namedFiles(read).map((file) => ({ ...file, path: resolve(cwd, file.path) }));
  const denied = new Set(await findDenied(user, files));
  const faults = [
    ...files.filter((file) => denied.has(file)).map((file) => fileFault(file, user)),
    ...tapFaults(read, user),
  ];
  if (faults.length === 0) return;
  const text = faults
    .toSorted((a, b) => a.index - b.index)
    .map((fault) => `config.args[${fault.index}]: ${fault.text}`)
    .join("; ");
  const hints = [...new Set(faults.map(({ hint }) => hint)), RUN_AS_AGENT];
  throw new AppError("invalid", text, { hint: hints.join("; or ") });
}

const DONE = { read: "read", write: "read and written", create: "written" } as const;

function fileFault({ index, path, access }: NamedFile, { uid }: MachineUser): Fault {
  return {
    index,
    text: `${path} cannot be ${DONE[access]} by user ${uid}, which this machine runs as`,
    hint: "open it, and the directories above it, to that user, or let an artifact bring it into local/",
  };
}

/** Makes sure that a machine's user may open a port. @throws AppError `conflict`. */
export function assertPortOpen(port: number, label: string): void {
  const first = firstOpenPort();
  if (port >= first) return;
  const limit = `net.ipv4.ip_unprivileged_port_start is ${first}`;
  throw new AppError(
    "conflict",
    `port ${port} (label "${label}") is root's alone, and machines do not run as root: ${limit}`,
    {
      hint: `sysctl -w net.ipv4.ip_unprivileged_port_start=${port}; or ${RUN_AS_AGENT}`,
    },
  );
}

/** The first port that everybody may open. Before Linux 4.11 nothing tells, and the ports below 1024 are root's. */
export function firstOpenPort(): number {
  const text = readOrUndefined("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  return text === undefined ? 1024 : Number(text);
}

/** Making a tap device is root's, and so is using one that was made for somebody else. */
function tapFaults(args: readonly Argument[], user: MachineUser): Fault[] {
  return optionsNamed(args, "netdev", "nic", "net").flatMap(({ index, value }): Fault[] => {
    if (value === null || typeOf(value, "type") !== "tap") return [];
    const get = (key: string): string | undefined => {
      const property = jsonOf(value)?.[key];
      return property === undefined ? optionValue(splitOption(value), key) : String(property);
    };
    if (get("fd") !== undefined || get("fds") !== undefined) return [];
    const fault = tapFault(get("ifname"), user);
    return fault === undefined ? [] : [{ index, ...fault }];
  });
}

function tapFault(name: string | undefined, { uid, gid }: MachineUser): Omit<Fault, "index"> | undefined {
  const hint = `ip tuntap add dev ${name ?? "NAME"} mode tap group ${gid === uid ? "GROUP" : gid}`;
  if (name === undefined) {
    return { text: `user ${uid}, which this machine runs as, cannot make a tap device, and ifname names none`, hint };
  }
  const [owner, group] = ["owner", "group"].map((file) => readOrUndefined(`/sys/class/net/${name}/${file}`));
  if (owner === undefined || group === undefined) {
    return {
      text: `there is no tap device ${name}, and user ${uid}, which this machine runs as, cannot make it`,
      hint,
    };
  }
  // Both must fit where they are set (drivers/net/tun.c), -1 is nobody.
  if ([-1, uid].includes(Number(owner)) && [-1, gid].includes(Number(group))) return undefined;
  return { text: `tap device ${name} is for others than user ${uid}, which this machine runs as`, hint };
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
