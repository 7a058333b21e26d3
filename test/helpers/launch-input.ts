import type { QemuConfig } from "../../src/job/job.ts";
import type { LaunchInput } from "../../src/qemu/plan.ts";

/** What a test changes of a launch input; `config` and `resources` member by member. */
export type LaunchChange = Partial<Omit<LaunchInput, "config" | "resources">> & {
  readonly config?: Partial<QemuConfig>;
  readonly resources?: Partial<LaunchInput["resources"]>;
};

/** A machine with Nomad's defaults, on a node without KVM. */
export function launchInput(change: LaunchChange = {}): LaunchInput {
  const run = "/run/paddock/0a1b2c3d-4e5f";
  const task = "/var/lib/paddock/alloc/0a1b2c3d/vm";
  const image_path = change.config?.image_path ?? "local/linux.img";
  return {
    image: { name: image_path, format: "raw" },
    emulator: { path: "/usr/bin/qemu-system-x86_64", version: "7.2.22", panicDevice: "pvpanic" },
    kvm: { usable: false, reason: "a guest hung under /dev/kvm" },
    forwards: [],
    dns: { servers: [], searches: [] },
    sockets: {
      dir: run,
      qmp: `${run}/qmp.sock`,
      serial: `${run}/serial.sock`,
      hmp: `${run}/qm.sock`,
      guestAgent: `${run}/qa.sock`,
    },
    journalPrefix: `${task}/.paddock/ev.1`,
    serialLog: "/var/lib/paddock/alloc/0a1b2c3d/alloc/logs/vm.stdout.0",
    cwd: task,
    tmp: `${task}/tmp`,
    user: null,
    args_allowlist: [],
    ...change,
    config: {
      image_path,
      accelerator: "tcg",
      machine_type: "pc",
      emulator: "x86_64",
      drive_interface: "ide",
      graceful_shutdown: false,
      guest_agent: false,
      args: [],
      port_map: {},
      ...change.config,
    },
    resources: { memory: 300, cores: 0, ...change.resources },
  };
}
