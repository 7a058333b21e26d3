/** One thing that was looked at, and what to do about it. */
export interface Finding {
  /** What was looked at, in one word: `qemu`, `kvm`, `store`, … */
  readonly check: string;
  readonly level: "ok" | "warning" | "problem";
  /** One line for people; may hold what other users' processes say of themselves. */
  readonly message: string;
  /** What to do; null when there is nothing to. */
  readonly remedy: string | null;
}
