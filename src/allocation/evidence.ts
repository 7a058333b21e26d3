import type { CgroupNumbers } from "../cgroup/numbers.ts";
import type { QmpEvent } from "../qmp/event.ts";

/** What is left of a machine whose process is gone. All of it but `rebooted`, `cgroup` and `kernel` was in reach of the guest's QEMU: nothing of it is believed about anything but this machine. */
export interface Evidence {
  /** Every event of the journal, oldest first. */
  readonly journal: readonly QmpEvent[];
  /** N of the wrapper's `exit N`; null when the wrapper did not live to write it. */
  readonly exitStatus: number | null;
  /** The last lines of QEMU's stderr. */
  readonly stderr: string;
  /** True when the host was started anew since. */
  readonly rebooted: boolean;
  /** The kernel's own counters, out of the guest's reach; absent or null where the machine had no control group. */
  readonly cgroup?: CgroupNumbers | null;
  /** What the kernel's log says of the process since it was started; absent when it was not looked at. */
  readonly kernel?: KernelWords;
}

/** Lines of the kernel's log that name one process. */
export interface KernelWords {
  /** Oldest first, without the time. */
  readonly lines: readonly string[];
  /** Why the log could not be read; null when it was. */
  readonly unread: string | null;
}
