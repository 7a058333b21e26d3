import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import type { Finding } from "../cli/text/finding.ts";
import { DEFAULT_EMULATOR, findEmulators } from "../node/emulators.ts";
import { probeKvm } from "../node/kvm.ts";
import { readBootId } from "../supervisor/identity.ts";

/** What of this host is there without any agent: QEMU, KVM, a shell, cgroups, ports. */
export async function examineHost(uid: number): Promise<readonly Finding[]> {
  return [...(await examineQemu()), examineShell(), examineCgroups(), ...examinePorts(uid)];
}

async function examineQemu(): Promise<readonly Finding[]> {
  const { emulators, leftOut } = await findEmulators(process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin", []);
  const broken = leftOut.map(({ path, reason }): Finding => {
    return { check: "qemu", level: "warning", message: `${path} is left out: ${reason}`, remedy: "reinstall QEMU" };
  });
  if (emulators.length === 0) {
    const remedy = "install it; on Debian and Ubuntu: apt install qemu-system-x86";
    return [...broken, { check: "qemu", level: "problem", message: "no qemu-system-* was found on PATH", remedy }];
  }
  const names = emulators.map(({ name, version }) => `${name} ${version}`).join(", ");
  const standard = emulators.some(({ name }) => name === DEFAULT_EMULATOR);
  const found: Finding = standard
    ? { check: "qemu", level: "ok", message: names, remedy: null }
    : {
        check: "qemu",
        level: "warning",
        message: `there is ${names}, and no ${DEFAULT_EMULATOR}, which a task gets that names none`,
        remedy: "on Debian and Ubuntu: apt install qemu-system-x86",
      };
  const { facts } = await probeKvm(emulators, { bootId: readBootId() });
  return [
    ...broken,
    found,
    facts.usable
      ? { check: "kvm", level: "ok", message: "a small guest ran under KVM", remedy: null }
      : {
          check: "kvm",
          level: "warning",
          message: `KVM cannot be used: ${facts.reason}`,
          remedy: 'until then machines run many times slower, under accelerator = "tcg", which is the default',
        },
  ];
}

function examineShell(): Finding {
  try {
    accessSync("/bin/sh", constants.X_OK);
    return {
      check: "shell",
      level: "ok",
      message: "/bin/sh is there, which every machine is started by",
      remedy: null,
    };
  } catch (error) {
    const message = `/bin/sh cannot be run (${errnoOf(error) ?? "unknown error"}), and every machine is started by it`;
    return { check: "shell", level: "problem", message, remedy: "install a shell, such as dash" };
  }
}

function examineCgroups(): Finding {
  if (existsSync("/sys/fs/cgroup/cgroup.controllers")) {
    const controllers = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim();
    return {
      check: "cgroups",
      level: "ok",
      message: `version 2 with ${controllers || "no controllers"}`,
      remedy: null,
    };
  }
  const remedy = "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 at /sys/fs/cgroup";
  const message = "there is no cgroup of version 2: what a machine takes of the host cannot be bounded";
  return { check: "cgroups", level: "warning", message, remedy };
}

const FIRST_UNPRIVILEGED = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/** Root may forward every port. */
function examinePorts(uid: number): readonly Finding[] {
  if (uid === 0 || !existsSync(FIRST_UNPRIVILEGED)) return [];
  const first = Number(readFileSync(FIRST_UNPRIVILEGED, "utf8"));
  if (!(first > 1)) return [{ check: "ports", level: "ok", message: "this user may forward every port", remedy: null }];
  const message = `this user may forward ports from ${first} on`;
  const remedy = "for port 80 and up: sysctl -w net.ipv4.ip_unprivileged_port_start=80";
  return [{ check: "ports", level: "ok", message, remedy }];
}
