import { statSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { readBeginning } from "../base/files.ts";
import { defaultSockets, parseAddress } from "../client/address.ts";
import { whileItLives } from "../client/patience.ts";
import type { ApiRequest } from "../client/request.ts";
import { strangerAt } from "../client/stranger.ts";
import { isJsonText } from "../hcl/format.ts";
import { MAX_SOURCE_BYTES } from "../hcl/limits.ts";
import { fetchUnix } from "../runtime/fetch.ts";
import { INTERRUPT_SIGNALS, Interrupted } from "./exit.ts";

/*
 * The job of `paddock run FILE` is on its way to the agent while the rest of this program is still being loaded, which takes longer
 * than all that the agent does until QEMU starts. So this file has few imports, and decides little: the agent takes the text as the
 * job only when it is valid and there is no such job yet. In every other case nothing has happened, and the command begins anew, reads
 * the file itself, and finds the words for what is wrong.
 */

/** A job file that was handed in before the command that runs it was loaded. */
export interface EarlyRun {
  /** As the command line has it. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Of the agent. */
  readonly socket: string;
  /** Aborts with `Interrupted`: the signals do not end the program while nobody could say whether the job was registered. */
  readonly interrupt: AbortSignal;
  /**
   * The reply of `PUT /v1/jobs`; undefined where nothing was registered, as far as this is known; an AppError when the agent took the job
   * and hangs, Interrupted when somebody had enough of that. Never rejects.
   */
  readonly reply: Promise<unknown>;
}

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly clock?: Clock;
}

/** Sends the job file that a command line names. @returns null where that is left to the command itself. */
export function sendEarly(args: readonly string[], { env, uid, clock }: Surroundings): EarlyRun | null {
  const path = hasVariables(env) ? null : fileOf(args);
  const socket = path === null ? null : socketOf(env, uid);
  if (path === null || socket === null) return null;
  const bytes = readWhole(path);
  const text = bytes === null ? null : decode(bytes);
  if (bytes === null || text === null || LOOKS_AT_FILES.test(text)) return null;
  const body = JSON.stringify({
    Submission: { Source: text, Format: isJsonText(text) ? "json" : "hcl2" },
    EnforceIndex: true,
    JobModifyIndex: 0,
  });
  const interrupt = holdSignals();
  return { path, bytes, socket, interrupt, reply: send(socket, body, { clock, interrupt }) };
}

/** Values for the variables of job files, which the agent does not know. */
function hasVariables(env: Surroundings["env"]): boolean {
  return Object.keys(env).some((name) => name.startsWith("NOMAD_VAR_") || name.startsWith("PADDOCK_VAR_"));
}

/** A call, with a comment before its bracket perhaps, of a function that looks at this user's files. The agent refuses them, but for `try` that is a failure like any other. */
const LOOKS_AT_FILES = /\b(?:abspath|basename|dirname|file|filebase64|fileexists|fileset|pathexpand)\s*[(/#]/;

/** `run FILE` and `job run FILE`, alone or with `-detach`: whoever says more wants something else than the plain way. */
function fileOf(args: readonly string[]): string | null {
  const [command, ...rest] = args[0] === "job" ? args.slice(1) : args;
  const [file, ...more] = rest.filter((word) => word !== "-detach");
  return command === "run" && file !== undefined && more.length === 0 && !file.startsWith("-") ? file : null;
}

/** The socket of the agent that the command will talk to; null for another kind of address, and where there is none. */
function socketOf(env: Surroundings["env"], uid: number): string | null {
  const named = env["PADDOCK_ADDR"] || env["NOMAD_ADDR"];
  try {
    if (!named)
      return defaultSockets(uid, env).find((path) => statSync(path, QUIET)?.isSocket() && isOwn(path, uid)) ?? null;
    const address = parseAddress(named, "");
    return address.kind === "unix" ? address.path : null;
  } catch {
    return null;
  }
}

const isOwn = (path: string, uid: number): boolean => strangerAt(path, uid) === undefined;

const QUIET = { throwIfNoEntry: false } as const;

/** A regular file of a length that is taken; null for everything else. */
function readWhole(path: string): Buffer | null {
  try {
    const stat = statSync(path);
    if (!stat.isFile() || stat.size > MAX_SOURCE_BYTES) return null;
    const bytes = readBeginning(path, MAX_SOURCE_BYTES);
    return bytes.length > MAX_SOURCE_BYTES ? null : bytes;
  } catch {
    return null;
  }
}

/** Null for what is no UTF-8: as a text it would be another file. */
function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function holdSignals(): AbortSignal {
  const abort = new AbortController();
  for (const name of INTERRUPT_SIGNALS) process.on(name, () => abort.abort(new Interrupted(name)));
  return abort.signal;
}

async function sendTo(socket: string, { method = "GET", target, body, signal }: ApiRequest): Promise<Response> {
  return await fetchUnix(socket, target, {
    method,
    ...(typeof body === "string" && { body, headers: { "content-type": "application/json" } }),
    ...(signal !== undefined && { signal }),
  });
}

async function send(
  socket: string,
  body: string,
  { clock, interrupt }: { readonly clock: Clock | undefined; readonly interrupt: AbortSignal },
): Promise<unknown> {
  try {
    const request = { method: "PUT", target: "/v1/jobs", body } as const;
    return await whileItLives(
      { kind: "unix", path: socket },
      request,
      async (asked) => {
        const response = await sendTo(socket, asked);
        return response.ok ? await response.json() : undefined;
      },
      {
        send: (_, asked) => sendTo(socket, asked),
        clock,
        tell: (text) => void process.stderr.write(`${text}\n`),
        interrupt,
      },
    );
  } catch (error) {
    // Whoever registers the same job again changes nothing.
    return error instanceof AppError || error instanceof Interrupted ? error : undefined;
  }
}
