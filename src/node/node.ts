/** This host as constraints and interpolation see it. */
export interface Node {
  /** Stable over restarts of the agent, a UUID. */
  readonly id: string;
  readonly name: string;
  readonly datacenter: string;
  readonly nodeClass: string;
  readonly nodePool: string;
  /** Attribute name without `attr.` to text, as Nomad spells them: `driver.qemu.version`, `cpu.numcores`, … */
  readonly attributes: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  readonly qemu: QemuFacts;
}

export interface QemuFacts {
  readonly healthy: boolean;
  /** Nomad's health description: `Healthy`, or why not. */
  readonly description: string;
  readonly emulators: readonly Emulator[];
  readonly kvm: KvmFacts;
}

export interface Emulator {
  /** Name behind `qemu-system-`, such as `x86_64`. */
  readonly name: string;
  /** Absolute path with symbolic links resolved. */
  readonly path: string;
  readonly version: string;
}

export interface KvmFacts {
  /** True only after a small guest printed its banner under KVM. */
  readonly usable: boolean;
  /** Why not, in words that say what to do; "" when usable. */
  readonly reason: string;
}
