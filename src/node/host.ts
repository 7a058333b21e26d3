import { existsSync, readdirSync, readFileSync, realpathSync, statfsSync } from "node:fs";
import { arch, constants, cpus, hostname, networkInterfaces, platform, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { errnoOf } from "../base/errors.ts";
import { unescapeMount } from "../base/text.ts";
import { KVM_DEVICE } from "./kvm.ts";

/** Go's names of processors, which Nomad's `cpu.arch` has. */
const GO_ARCH: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386", arm64: "arm64", arm: "arm" };

/** Where the kernel keeps huge pages, one directory for each size. */
const HUGE_PAGES = "/sys/kernel/mm/hugepages";

/**
 * What the host says of itself, by Nomad's attribute names, and what stays as long as the agent runs: what a machine was given must not be
 * counted by another measure later. What cannot be found out is absent. Sizes are bytes, `cpu.frequency` and `cpu.totalcompute` MHz.
 */
export function describeLastingHost(): Record<string, string> {
  return {
    ...describeProcessors(),
    "memory.totalbytes": String(totalmem()),
    "kernel.name": platform(),
    "kernel.version": release(),
    "os.signals": Object.keys(constants.signals).toSorted().join(","),
    "unique.hostname": hostname(),
  };
}

/**
 * What may change while the agent runs. A look at all of it takes a millisecond.
 * @param dataDir the storage attributes are about the file system that holds it; it need not exist yet.
 */
export function describeChangingHost(dataDir: string): Record<string, string> {
  return {
    ...describeSystem(readText("/etc/os-release"), readText("/etc/debian_version")),
    ...describeAddress(),
    ...describeStorage(dataDir),
    ...describeHugePages(HUGE_PAGES),
    ...(existsSync(KVM_DEVICE) ? { "kernel.kvm_device": KVM_DEVICE } : {}),
  };
}

/**
 * How many huge pages there are of each size, and how many are free, from a directory as `/sys/kernel/mm/hugepages`; sizes of which
 * there are none are left out.
 */
export function describeHugePages(directory: string): Record<string, string> {
  const found: [string, string][] = [];
  for (const name of listNames(directory)) {
    const size = /^hugepages-(\d+)kB$/.exec(name)?.[1];
    const count = (file: string): string => /^\d+/.exec(readText(`${directory}/${name}/${file}`))?.[0] ?? "0";
    if (size === undefined || count("nr_hugepages") === "0") continue;
    found.push([`memory.hugepages_${size}kb.total`, count("nr_hugepages")]);
    found.push([`memory.hugepages_${size}kb.free`, count("free_hugepages")]);
  }
  return Object.fromEntries(found);
}

function describeProcessors(): Record<string, string> {
  const found = cpus();
  // A virtual machine's processors may give no frequency to one source and tell the other.
  const listed = [...readText("/proc/cpuinfo").matchAll(/^cpu MHz\s*:\s*([\d.]+)/gm)].map((match) => Number(match[1]));
  const frequency = Math.floor(Math.max(0, ...found.map((cpu) => cpu.speed), ...listed));
  const model = found[0]?.model.trim() ?? "";
  return {
    "cpu.arch": GO_ARCH[arch()] ?? arch(),
    "cpu.numcores": String(found.length),
    ...(model === "" ? {} : { "cpu.modelname": model }),
    ...(frequency === 0
      ? {}
      : { "cpu.frequency": String(frequency), "cpu.totalcompute": String(frequency * found.length) }),
  };
}

/**
 * Name and version of the operating system from the text of `/etc/os-release`. Debian's own file is more exact (`12.11`, where
 * os-release has `12`) and what Nomad reads there.
 */
export function describeSystem(osRelease: string, debianVersion: string): Record<string, string> {
  const fields = new Map(
    [...osRelease.matchAll(/^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/gm)].map(
      ([, key, double, single, bare]) => [key ?? "", (double ?? single ?? bare ?? "").trim()] as const,
    ),
  );
  const name = fields.get("ID") || platform();
  const point = /^\d+(\.\d+)*$/.exec(debianVersion.trim())?.[0];
  const version = (name === "debian" ? point : undefined) ?? fields.get("VERSION_ID");
  return { "os.name": name, ...(version ? { "os.version": version } : {}) };
}

/** The address others reach this host by: the first of the interface that has the default route, or of any that is not loopback. */
function describeAddress(): Record<string, string> {
  const outward = /^(\S+)\t00000000\t/m.exec(readText("/proc/net/route"))?.[1];
  const all = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
    list.filter((one) => !one.internal).map(({ address, family }) => ({ name, address, family })),
  );
  const rank = (one: (typeof all)[number]) => (one.name === outward ? 0 : 2) + (one.family === "IPv4" ? 0 : 1);
  const best = all.toSorted((a, b) => rank(a) - rank(b))[0];
  return best === undefined ? {} : { "unique.network.ip-address": best.address };
}

function describeStorage(dataDir: string): Record<string, string> {
  let directory = dataDir;
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory);
  const { blocks, bavail, bsize } = statfsSync(directory);
  const volume = findVolume(readText("/proc/self/mounts"), realpathSync(directory));
  return {
    ...(volume === undefined ? {} : { "unique.storage.volume": volume }),
    "unique.storage.bytestotal": String(blocks * bsize),
    "unique.storage.bytesfree": String(bavail * bsize),
  };
}

/** The device that is mounted where `directory` (a real path) lies, from the text of `/proc/self/mounts`; of two mounts on one place the later. */
export function findVolume(mounts: string, directory: string): string | undefined {
  let volume: string | undefined;
  let longest = -1;
  for (const line of mounts.split("\n")) {
    const [device, escaped] = line.split(" ");
    if (device === undefined || escaped === undefined) continue;
    const point = unescapeMount(escaped);
    const inside = directory === point || directory.startsWith(point === "/" ? "/" : `${point}/`);
    if (!inside || point.length < longest) continue;
    volume = unescapeMount(device);
    longest = point.length;
  }
  return volume;
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

/** The text of a system file, "" where there is none. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return "";
  }
}
