import * as v from "valibot";
import type { QmpClient } from "./client.ts";
import { QmpError } from "./errors.ts";

const Status = v.object({
  status: v.pipe(v.string(), v.regex(/^[a-z][a-z-]{0,63}$/)),
  running: v.boolean(),
});

/** QEMU's word for the state of the guest (`RunState`): `running`, `paused`, `prelaunch`, `inmigrate`, `shutdown`, `io-error`, … */
export interface RunStatus {
  readonly status: string;
  /** True while the guest's processors run. */
  readonly running: boolean;
}

/**
 * Asks for the run state.
 * @param deadlineMillis for the answer, as in every command here.
 * @throws QmpError, as every command here does; `refused` also for an answer that is none.
 */
export async function queryStatus(client: QmpClient, deadlineMillis: number): Promise<RunStatus> {
  const answer = v.safeParse(Status, await client.execute("query-status", undefined, { deadlineMillis }));
  if (!answer.success) throw new QmpError("refused", "query-status: QEMU's answer is not of the form it should have");
  return answer.output;
}

/** Presses the ACPI power button. QEMU answers although a guest that has not enabled its button yet never hears of it. */
export async function systemPowerdown(client: QmpClient, deadlineMillis: number): Promise<void> {
  await client.execute("system_powerdown", undefined, { deadlineMillis });
}

/** Resets the guest as its reset button would; a paused one stays paused. */
export async function systemReset(client: QmpClient, deadlineMillis: number): Promise<void> {
  await client.execute("system_reset", undefined, { deadlineMillis });
}

/** Stops the guest's processors. */
export async function stop(client: QmpClient, deadlineMillis: number): Promise<void> {
  await client.execute("stop", undefined, { deadlineMillis });
}

const Chardevs = v.array(v.object({ label: v.string(), filename: v.string(), "frontend-open": v.boolean() }));

/** Whether the guest has opened its end of a chardev, such as a guest agent its channel; null when QEMU has none of this id. */
export async function isFrontendOpen(client: QmpClient, id: string, deadlineMillis: number): Promise<boolean | null> {
  const answer = v.safeParse(Chardevs, await client.execute("query-chardev", undefined, { deadlineMillis }));
  if (!answer.success) throw new QmpError("refused", "query-chardev: QEMU's answer is not of the form it should have");
  return answer.output.find(({ label }) => label === id)?.["frontend-open"] ?? null;
}

const Blocks = v.array(
  v.object({
    device: v.string(),
    qdev: v.optional(v.string()),
    "io-status": v.optional(v.picklist(["ok", "failed", "nospace"])),
  }),
);

/** A disk that could not be written (QEMU's `BlockDeviceIoStatus`). */
export interface BlockFault {
  /** Printable, 64 characters at most; null for a disk without a name. */
  readonly device: string | null;
  readonly status: "failed" | "nospace";
}

/** The disk for which the guest stands still; of several the one that lacks more than room. Null when none of them failed. */
export async function queryBlockFault(client: QmpClient, deadlineMillis: number): Promise<BlockFault | null> {
  const answer = v.safeParse(Blocks, await client.execute("query-block", undefined, { deadlineMillis }));
  if (!answer.success) throw new QmpError("refused", "query-block: QEMU's answer is not of the form it should have");
  for (const status of ["failed", "nospace"] as const) {
    const found = answer.output.find((block) => block["io-status"] === status);
    const name = found?.device || found?.qdev || "";
    if (found !== undefined) return { device: /^[ -~]{1,64}$/.test(name) ? name : null, status };
  }
  return null;
}

/** Lets a paused guest run on. */
export async function cont(client: QmpClient, deadlineMillis: number): Promise<void> {
  await client.execute("cont", undefined, { deadlineMillis });
}

/**
 * What QEMU's user network does (`info usernet`); QMP itself has no word for it.
 * @returns text for `parseUserNetwork`; something else in words where this QEMU has no user network.
 */
export async function infoUserNetwork(client: QmpClient, deadlineMillis: number): Promise<string> {
  const args = { "command-line": "info usernet" };
  const answer = await client.execute("human-monitor-command", args, { deadlineMillis });
  if (typeof answer === "string") return answer;
  throw new QmpError("refused", "human-monitor-command: QEMU's answer is not of the form it should have");
}

/** The id of the serial port's chardev. */
export const SERIAL_CHARDEV = "paddock-serial";

/** The id of the chardev that leads to the agent in the guest; Nomad's, so that `args` may refer to it. */
export const GUEST_AGENT_CHARDEV = "qga0";

/** What a serial port's bytes go through besides its log. */
export type SerialEnd =
  /** A socket that QEMU listens at, for one viewer. */
  | { readonly kind: "socket"; readonly path: string }
  /** Two files, this path with `.in` and `.out` behind it. */
  | { readonly kind: "pipe"; readonly path: string };

const YANK_SERIAL = { instances: [{ type: "chardev", id: SERIAL_CHARDEV }] };

/**
 * Gives the serial port a new end and a new log to append to. QEMU opens both before it lets go of the old ones, while the guest
 * waits: no byte is lost, and a refusal leaves everything as it was. A viewer's connection is closed.
 */
export async function changeSerial(
  client: QmpClient,
  { end, logfile }: { readonly end: SerialEnd; readonly logfile: string },
  deadlineMillis: number,
): Promise<void> {
  const log = { logfile, logappend: true };
  const backend =
    end.kind === "pipe"
      ? { type: "pipe", data: { device: end.path, ...log } }
      : {
          type: "socket",
          data: { addr: { type: "unix", data: { path: end.path } }, server: true, wait: false, ...log },
        };
  // A guest that waits for a viewer to read would wait for ever for one that is changed away (QEMU 7.2), so the viewer goes first,
  // and QEMU has noticed when it has answered something else. An older QEMU has no such command.
  await client.execute("yank", YANK_SERIAL, { deadlineMillis }).catch(() => undefined);
  await queryStatus(client, deadlineMillis);
  await client.execute("chardev-change", { id: SERIAL_CHARDEV, backend }, { deadlineMillis });
}

/** What the serial port's bytes go through now. */
export async function querySerial(client: QmpClient, deadlineMillis: number): Promise<SerialEnd["kind"]> {
  const answer = v.safeParse(Chardevs, await client.execute("query-chardev", undefined, { deadlineMillis }));
  const serial = (answer.success ? answer.output : []).find(({ label }) => label === SERIAL_CHARDEV);
  return serial?.filename === "pipe" ? "pipe" : "socket";
}

/** Ends QEMU after it has flushed its disks. The monitor may close before the answer arrives: that is what was asked for. */
export async function quit(client: QmpClient, deadlineMillis: number): Promise<void> {
  try {
    await client.execute("quit", undefined, { deadlineMillis });
  } catch (error) {
    if (!(error instanceof QmpError && error.failure === "disconnected")) throw error;
  }
}
