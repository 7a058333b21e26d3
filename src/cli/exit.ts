/** The exit codes of every command, as Nomad's CLI has them. */
export const EXIT = {
  ok: 0,
  /** What was asked for did not work, or was asked for wrongly. */
  failed: 1,
  /** The job is registered and waits for room, as in Nomad. */
  unplaced: 2,
  /** Of a plan: allocations would be created or destroyed, as in Nomad. */
  changes: 1,
  /** Of a plan: there is none, as in Nomad. */
  noPlan: 255,
  /** Ctrl-C, SIGTERM and a closed terminal, as a shell counts signals. */
  SIGHUP: 129,
  SIGINT: 130,
  SIGTERM: 143,
} as const;

export type InterruptSignal = "SIGHUP" | "SIGINT" | "SIGTERM";
export const INTERRUPT_SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const satisfies readonly InterruptSignal[];

/** Ends a command quietly: somebody interrupted it, or nobody reads what it prints any more. */
export class Interrupted extends Error {
  readonly exitCode: number;

  /** @param by null when the reader of the output went away, which is no failure: `paddock logs NAME | head`. */
  constructor(by: InterruptSignal | null) {
    super(by ?? "the output was closed");
    this.name = "Interrupted";
    this.exitCode = by === null ? EXIT.ok : EXIT[by];
  }
}
