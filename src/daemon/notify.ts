import { type Clock, delay } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { sendDatagram } from "../runtime/datagram.ts";

/** The service manager that started this agent, systemd or what speaks its protocol (sd_notify(3)); or nobody, who hears nothing. */
export interface ServiceManager {
  /** False for nobody. */
  readonly listens: boolean;
  /** One line that `systemctl status` shows. */
  status(text: string): Promise<void>;
  /** The agent serves: what waits for it goes on, and from now on it says in time that it lives, where that is wished for. */
  ready(text: string): Promise<void>;
  stopping(text: string): Promise<void>;
  /** Says nothing more by itself. */
  close(): void;
}

export interface ServiceManagerContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly pid: number;
  /** Sends one datagram to a unix socket; false when that failed. */
  readonly send?: (address: string, message: string) => Promise<boolean>;
}

/** The variables that a service manager tells a service of itself by; they are meant for this process alone. */
const VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;
/** How often a message is tried when the manager's queue is full, and the pause between, in milliseconds. */
const TRIES = 20;
const PAUSE = 50;

/**
 * @param env where the manager's variables stand. They are removed from it: no program that the agent starts may speak in its name.
 */
export function findServiceManager(
  env: Record<string, string | undefined>,
  { clock, log, pid, send = sendDatagram }: ServiceManagerContext,
): ServiceManager {
  const { NOTIFY_SOCKET: address, WATCHDOG_USEC: micros, WATCHDOG_PID: guarded } = env;
  for (const name of VARIABLES) delete env[name];
  if (address === undefined || address === "") return NOBODY;
  if (!/^[/@]./.test(address)) {
    log.warn("the service manager cannot be told anything: expected a path or @name in NOTIFY_SOCKET", { address });
    return NOBODY;
  }
  let cancel: () => void = () => undefined;
  let closed = false;
  const tell = async (assignments: readonly string[], most = TRIES): Promise<void> => {
    for (let tries = 1; !(await send(address, assignments.join("\n"))); tries++) {
      if (tries === most) {
        log.warn("the service manager does not take messages", { address, message: assignments.join(" ") });
        return;
      }
      await delay(PAUSE, clock);
    }
  };
  const pause = watchdogPause({ micros, guarded, pid });
  const showLife = (): void => {
    if (closed || pause === null) return;
    // One that is not taken is not tried again: the next is due before the manager gives up.
    void send(address, "WATCHDOG=1");
    cancel = clock.after(pause, showLife);
  };
  return {
    listens: true,
    status: (text) => tell([`STATUS=${text}`]),
    ready: async (text) => {
      await tell(["READY=1", `STATUS=${text}`]);
      showLife();
    },
    // An end is not put off for a manager that does not listen.
    stopping: (text) => tell(["STOPPING=1", `STATUS=${text}`], 1),
    close: () => {
      closed = true;
      cancel();
    },
  };
}

const NOBODY: ServiceManager = {
  listens: false,
  status: async () => undefined,
  ready: async () => undefined,
  stopping: async () => undefined,
  close: () => undefined,
};

/**
 * Half of the time after which the manager takes the agent for hung, in milliseconds (sd_watchdog_enabled(3)); null where it does not
 * look, or looks at another process.
 */
function watchdogPause({
  micros = "",
  guarded = "",
  pid,
}: {
  readonly micros: string | undefined;
  readonly guarded: string | undefined;
  readonly pid: number;
}): number | null {
  const wanted = /^[1-9]\d*$/.test(micros) && (guarded === "" || guarded === String(pid));
  return wanted ? Number(micros) / 2000 : null;
}
