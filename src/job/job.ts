import type { Duration } from "../base/units.ts";
import type { DiskMode } from "./disk-mode.ts";
import type { Service } from "./service.ts";

/** A job as the rest of the program knows it: canonical, every default filled in, in the words of the HCL job file. */
export interface Job {
  readonly id: string;
  readonly name: string;
  readonly type: "service" | "batch" | "system" | "sysbatch";
  readonly region: string;
  readonly namespace: string;
  readonly datacenters: readonly string[];
  /** 1 to 100. */
  readonly priority: number;
  readonly meta: Readonly<Record<string, string>>;
  readonly constraints: readonly Constraint[];
  readonly groups: readonly Group[];
}

export interface Constraint {
  /** Left side, such as `${attr.kernel.name}`; "" where the operator takes none. */
  readonly attribute: string;
  readonly operator: string;
  readonly value: string;
}

export interface Group {
  readonly name: string;
  readonly count: number;
  readonly meta: Readonly<Record<string, string>>;
  readonly constraints: readonly Constraint[];
  readonly networks: readonly Network[];
  readonly restart: RestartPolicy;
  /** `sticky`: a machine's disk moves along to the allocation that takes this one's place. */
  readonly ephemeral_disk: { readonly size: number; readonly sticky: boolean; readonly migrate: boolean };
  readonly shutdown_delay: Duration;
  /** Absent for as long as the machines like, as in records of before. */
  readonly max_run_duration?: Duration | undefined;
  readonly tasks: readonly Task[];
  /** How a changed job takes over. Absent for Nomad's default of one machine at a time, as in records of before there was a choice. */
  readonly update?: {
    /** Machines that are replaced at the same time; 0 for all of them. */
    readonly max_parallel: number;
  };
  /** Absent when there are none, as in records of before there were any. */
  readonly services?: readonly Service[];
}

export interface RestartPolicy {
  readonly attempts: number;
  readonly interval: Duration;
  readonly delay: Duration;
  readonly mode: "delay" | "fail";
}

export interface Network {
  readonly mode: string;
  readonly hostname: string;
  readonly dns: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  readonly ports: readonly Port[];
}

export interface Port {
  readonly label: string;
  /** Host port 1 to 65535, or 0 for one that the agent picks. */
  readonly static: number;
  /** Guest port, 0 when unset, -1 for the same as the host port. */
  readonly to: number;
  readonly host_network: string;
}

export interface Task {
  readonly name: string;
  readonly driver: string;
  readonly config: QemuConfig;
  readonly env: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  readonly constraints: readonly Constraint[];
  readonly artifacts: readonly Artifact[];
  /** Absent when there are none, as in records of before there were any. */
  readonly templates?: readonly Template[];
  readonly resources: Resources;
  readonly logs: { readonly max_files: number; readonly max_file_size: number; readonly disabled: boolean };
  readonly restart: RestartPolicy;
  readonly kill_timeout: Duration;
  readonly kill_signal: string;
  readonly shutdown_delay: Duration;
  readonly leader: boolean;
  readonly user: string;
  /** Absent when there are none, as in records of before there were any. */
  readonly services?: readonly Service[];
}

/** The `config` block of a task with `driver = "qemu"`, still with `${…}` in its strings. */
export interface QemuConfig {
  readonly image_path: string;
  /** `tcg` or `kvm`. */
  readonly accelerator: string;
  readonly machine_type: string;
  /** Name behind `qemu-system-`. */
  readonly emulator: string;
  readonly drive_interface: string;
  readonly graceful_shutdown: boolean;
  readonly guest_agent: boolean;
  readonly args: readonly string[];
  /** Port label to guest port; numbers may be written as text with `${…}`. */
  readonly port_map: Readonly<Record<string, number | string>>;
  /** Ours: how the boot disk stands to the image; where it is absent, that follows from where the image comes from. */
  readonly disk?: DiskMode | undefined;
  /** Ours: bytes that the guest sees, as text such as `20GiB`; absent for those of the image. */
  readonly disk_size?: string | undefined;
}

export interface Artifact {
  readonly source: string;
  /** Below the task directory; `local/` by default. */
  readonly destination: string;
  readonly mode: "any" | "file" | "dir";
  /** go-getter's parameters: `checksum`, `archive`, `filename`, … */
  readonly options: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly insecure: boolean;
}

/** A file of the task directory that is written before each start. Of `data` and `source` one is "". */
export interface Template {
  /** The template's text. */
  readonly data: string;
  /** The file that has it, from the task directory. */
  readonly source: string;
  /** Below the task directory. */
  readonly destination: string;
  /** Octal digits. */
  readonly perms: string;
  readonly left_delimiter: string;
  readonly right_delimiter: string;
  /** Whether the lines of the file, `NAME=value`, are variables of the task. */
  readonly env: boolean;
  readonly error_on_missing_key: boolean;
  readonly once: boolean;
  readonly change_mode: "restart" | "noop" | "signal" | "script";
  readonly change_signal: string;
  readonly change_script?: ChangeScript | undefined;
  readonly splay: Duration;
  readonly wait?: { readonly min: Duration | undefined; readonly max: Duration | undefined } | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

interface ChangeScript {
  readonly command: string;
  readonly args: readonly string[];
  readonly timeout: Duration;
  readonly fail_on_error: boolean;
  readonly run_on_first_render: boolean;
}

export interface Resources {
  /** MHz. */
  readonly cpu: number;
  readonly cores: number;
  /** MiB. */
  readonly memory: number;
  readonly memory_max: number;
  /** The deprecated task-level form; counts like the group's. */
  readonly networks: readonly Network[];
}
