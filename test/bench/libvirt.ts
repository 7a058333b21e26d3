import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { demoImage } from "../../src/guest/demo-image.ts";
import { startImageAgent } from "../helpers/jobs.ts";
import type { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";
import { alternate, type Bench, median } from "./bench.ts";
import { demoJobFile, endJob, newConsole, waitUntilSettled, watchBoot } from "./machines.ts";
import { readMemory } from "./proc.ts";

const ROUNDS = 7;
const MB = 1e6;

/** Whom libvirt runs as here: its daemon of a session keeps all its files below its own directories and the host's alone. */
const NOBODY = 65534;

/** The same guest under libvirt's daemon, started and forced off by its CLI as by ours. */
export const libvirt: Bench = {
  name: "libvirt",
  run: async () => {
    await using dir = tempDir();
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    await using peer = await startLibvirt(dir.path);
    const { virsh, paddock } = await alternate<"virsh" | "paddock", Life>(ROUNDS, {
      virsh: () => liveUnderLibvirt(peer),
      paddock: async (round) => {
        const id = `peer-${round}`;
        const file = demoJobFile(agent, id, agent.demoDisk());
        const find = newConsole(agent.dirs);
        const begin = performance.now();
        const [boot] = await Promise.all([watchBoot(begin, find), runOrThrow(() => agent.run(["run", file]))]);
        const forced = performance.now();
        await endJob(agent, id);
        return { firstByte: boot.firstByte, end: performance.now() - forced };
      },
    });
    const of = (lives: readonly Life[], key: keyof Life): number => median(lives.map((life) => life[key]));
    return [
      {
        what: "CLI's start to first serial byte (plain: virsh create)",
        unit: "ms",
        plain: of(virsh, "firstByte"),
        paddock: of(paddock, "firstByte"),
      },
      {
        what: "stop by the power button to process gone (plain: virsh destroy)",
        unit: "ms",
        plain: of(virsh, "end"),
        paddock: of(paddock, "end"),
      },
      {
        what: "daemon, resident (plain: libvirtd)",
        unit: "MB",
        plain: readMemory(peer.pid).rss / MB,
        paddock: readMemory(agent.pid).rss / MB,
      },
    ];
  },
};

/** Milliseconds. */
interface Life {
  readonly firstByte: number;
  readonly end: number;
}

interface Peer extends AsyncDisposable {
  readonly pid: number;
  readonly console: string;
  virsh(...words: string[]): Promise<void>;
}

async function startLibvirt(home: string): Promise<Peer> {
  if (Bun.which("libvirtd") === null || Bun.which("virsh") === null) {
    throw new Error("libvirt is not here: sh .ci/setup libvirt, as root, installs it");
  }
  const env = sessionDirectories(home);
  const as = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const console = join(home, "serial.log");
  const domain = join(home, "domain.xml");
  writeFileSync(domain, describeDomain(join(home, "demo.img"), console));
  const log = join(home, "libvirtd.log");
  writeFileSync(log, "");
  if ("uid" in as) for (const path of [join(home, "demo.img"), domain, log]) chownSync(path, NOBODY, NOBODY);
  const daemon = Bun.spawn(["libvirtd"], { ...as, env, cwd: home, stdio: ["ignore", "ignore", Bun.file(log)] });
  const virsh = async (...words: string[]): Promise<void> => {
    const argv = ["virsh", "-q", "-c", "qemu:///session", ...words];
    const child = Bun.spawn(argv, { ...as, env, cwd: home, stdio: ["ignore", "ignore", "pipe"] });
    const stderr = await new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  };
  await until("libvirtd to answer", () => virsh("list").then(() => true), { deadline: 60_000 });
  return {
    pid: daemon.pid,
    console,
    virsh: (...words) => virsh(...words.map((word) => (word === "DOMAIN" ? domain : word))),
    [Symbol.asyncDispose]: async () => {
      await virsh("destroy", "bench").catch(() => undefined);
      daemon.kill();
      await daemon.exited;
    },
  };
}

/** Everything that a session's daemon and its client look for lies below `home`. @returns their environment. */
function sessionDirectories(home: string): Record<string, string> {
  const below = (name: string): string => {
    const path = join(home, name);
    mkdirSync(path, { recursive: true });
    if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
    return path;
  };
  chmodSync(home, 0o777);
  // The bench's own scratch directory, which another user may not pass through unless told.
  chmodSync(dirname(home), 0o711);
  writeFileSync(join(home, "demo.img"), demoImage());
  const config = below("config");
  // Without it a second daemon would write the serial log.
  writeFileSync(join(below("config/libvirt"), "qemu.conf"), 'stdio_handler = "file"\n');
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: below("home"),
    XDG_RUNTIME_DIR: below("run"),
    XDG_CONFIG_HOME: config,
    XDG_CACHE_HOME: below("cache"),
    XDG_DATA_HOME: below("data"),
  };
}

function describeDomain(disk: string, console: string): string {
  return `<domain type='qemu'>
  <name>bench</name>
  <memory unit='MiB'>128</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <emulator>${Bun.which("qemu-system-x86_64") ?? "/usr/bin/qemu-system-x86_64"}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='file'><source path='${console}'/><target port='0'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
`;
}

async function liveUnderLibvirt({ virsh, console }: Peer): Promise<Life> {
  writeFileSync(console, "");
  if (process.getuid?.() === 0) chownSync(console, NOBODY, NOBODY);
  const begin = performance.now();
  const [boot] = await Promise.all([watchBoot(begin, () => console), virsh("create", "DOMAIN")]);
  const forced = performance.now();
  await virsh("destroy", "bench");
  return { firstByte: boot.firstByte, end: performance.now() - forced };
}

async function runOrThrow(run: () => ReturnType<typeof runProgram>): Promise<void> {
  const { code, stderr } = await run();
  if (code !== 0) throw new Error(`paddock run exited with ${code}: ${stderr}`);
}
