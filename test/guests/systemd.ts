import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, copyFileSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withDeadline } from "../../src/base/exec.ts";
import { tempDir } from "../helpers/temp.ts";
import { buildOnce } from "./cache.ts";
import { appendArchive, type GuestFile } from "./newc.ts";
import { tinyGuest } from "./tiny.ts";

/** What is to happen in a guest. */
export interface GuestScript {
  /** For `/bin/sh` (dash), as root, when systemd has started everything; its output is the report. */
  readonly script: string;
  /** Added to the guest, by their absolute paths in it. */
  readonly files?: Readonly<Record<string, GuestFile>>;
  /** Of the guest, in MiB; half of it may be files. 1024 unless told. */
  readonly memory?: number;
  /** Milliseconds from the start of QEMU; 100,000 unless told. */
  readonly deadline?: number;
}

export interface GuestReport {
  /** Exit status of the script; null when the guest went off before its end. */
  readonly exit: number | null;
  /** What the script printed, both streams together. */
  readonly lines: readonly string[];
  /** What kernel and systemd printed on the console. */
  readonly console: string;
}

const SCRIPT = join(import.meta.dirname, "build-systemd.sh");
/** Packages whose files make up the guest; another version of one makes another guest. */
const PACKAGES = ["systemd", "dash", "qemu-system-x86", "seabios", "ipxe-qemu", "libc6", "busybox-static"];

/**
 * Boots a machine that has systemd as PID 1 and QEMU in it, and runs a script there; what it is made of says build-systemd.sh. It takes
 * some 5 seconds on an idle host. Nothing of a run is left behind.
 * @throws when the deadline passed, with what the script and the console had said.
 */
export async function runInSystemdGuest({
  script,
  files = {},
  memory = 1024,
  deadline = 100_000,
}: GuestScript): Promise<GuestReport> {
  await using dir = tempDir();
  const [initrd, consoleLog, scriptLog, errors] = ["initrd", "console", "script", "errors"].map((name) =>
    dir.file(name),
  );
  copyFileSync(join(systemdGuest(), "system.cpio"), initrd ?? "");
  const fd = openSync(initrd ?? "", "a");
  appendArchive(fd, { ...files, "/test/script": script });
  closeSync(fd);
  const read = (path = ""): string => readFileSync(path, { encoding: "utf8", flag: "a+" }).replaceAll("\r", "");
  const child = Bun.spawn(
    [
      ...["qemu-system-x86_64", "-machine", "q35,graphics=off", "-accel", "tcg", "-cpu", "max", "-smp", "2"],
      ...["-m", String(memory), "-display", "none", "-nodefaults", "-nic", "none", "-no-reboot"],
      ...["-serial", `file:${consoleLog}`, "-serial", `file:${scriptLog}`],
      ...["-kernel", join(tinyGuest().dir, "vmlinuz"), "-initrd", initrd ?? "", "-append", KERNEL_WORDS],
    ],
    { cwd: dir.path, stdio: ["ignore", "ignore", Bun.file(errors ?? "")] },
  );
  try {
    const ended = (await withDeadline(child.exited, deadline)) !== null;
    const { exit, lines } = splitReport(read(scriptLog));
    const said = read(consoleLog);
    if (ended && child.exitCode === 0) return { exit, lines, console: said };
    const what = ended ? `QEMU ended with ${child.exitCode}` : `the guest did not end within ${deadline} ms`;
    throw new Error(`${what}: ${read(errors)}\n${lines.join("\n")}\nits console:\n${said.slice(-4000)}`);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

const KERNEL_WORDS = [
  "rdinit=/lib/systemd/systemd console=ttyS0 quiet panic=-1 mitigations=off",
  "systemd.show_status=false systemd.getty_auto=no systemd.unified_cgroup_hierarchy=1",
].join(" ");

function splitReport(text: string): Pick<GuestReport, "exit" | "lines"> {
  const lines = text.split("\n");
  const at = lines.findIndex((line) => /^TEST-EXIT \d+$/.test(line));
  if (at < 0) return { exit: null, lines };
  return { exit: Number(lines[at]?.split(" ")[1]), lines: lines.slice(0, at) };
}

/**
 * The directory of the guest's `system.cpio`, built on the first call (3 seconds).
 * @throws with the script's output when it fails; `sh .ci/setup guests` installs what it needs.
 */
export function systemdGuest(): string {
  const versions = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${Version}\n", ...PACKAGES], { encoding: "utf8" });
  const key = createHash("sha256").update(readFileSync(SCRIPT)).update(versions.stdout).digest("hex");
  return buildOnce(`systemd-${key.slice(0, 16)}`, (part) => {
    const result = spawnSync("bash", [SCRIPT, join(part, "system.cpio")], { encoding: "utf8" });
    if (result.status === 0) return;
    throw new Error(`build-systemd.sh failed (${result.status}):\n${result.stdout}${result.stderr}`);
  });
}
