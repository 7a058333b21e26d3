import { errorText } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { formatBytes } from "../../base/units.ts";
import { type ConsoleLink, openConsole } from "../../client/console.ts";
import type { ConsoleFrame } from "../../contract/console.ts";
import { ADDRESS_FLAG, type Command, connectAgent, type Invocation } from "../command.ts";
import { EXIT } from "../exit.ts";
import type { Flag } from "../flags.ts";
import { NAME_FORMS, resolveTask } from "../names.ts";
import { parseEscapeKey } from "../terminal/raw-terminal.ts";
import { reattach } from "./reattach.ts";
import { createScreen, type Screen } from "./screen.ts";
import type { Looking } from "./viewer.ts";

/** Lines of scrollback without `-scrollback`. */
const DEFAULT_SCROLLBACK = 50;
/** Milliseconds of silence after the end of the input, after which `-exit-on-eof` leaves. */
const SILENCE = 500;
/** Milliseconds after the end of the input, after which it leaves a guest that is never silent. */
const LATEST = 5_000;

const FLAGS: readonly Flag[] = [
  ADDRESS_FLAG,
  { name: "scrollback", value: "N", count: true, help: "Show the last N lines first; 50 without the flag." },
  { name: "readonly", help: "Look only: nothing that is typed reaches the guest." },
  { name: "escape", value: "KEY", help: "The key that leaves, written ^] or ^a, or none; ^] without the flag." },
  {
    name: "exit-on-eof",
    help: "Leave behind the end of an input that is no terminal, once the guest is silent, or after 5 seconds.",
  },
];

export const CONSOLE: Command = {
  names: ["console"],
  summary: "Connect to the serial console of a machine",
  operands: "NAME [TASK]",
  takes: [1, 2],
  flags: FLAGS,
  details: `Shows what the guest writes on its serial port and sends it what is typed, Ctrl-C too; Ctrl-] leaves, and the machine runs on. Several people can look and type at the same time. It stays through restarts of the machine and of the agent, and ends when the machine has ended. The guest's bytes go to the terminal as they are, colours and cursor movements with them: connect to guests that you trust, and use paddock logs for the others. Where input or output is no terminal, bytes pass unchanged, and the end of the input ends nothing unless -exit-on-eof. ${NAME_FORMS}`,
  examples: [
    "paddock console web",
    "paddock console -readonly -scrollback 500 web/vm",
    "echo uptime | paddock console -exit-on-eof web",
  ],
  exits: [
    [EXIT.ok, "the key to leave was pressed, or the machine has ended"],
    [EXIT.failed, "there is no console, or the agent was gone for half a minute"],
    [EXIT.SIGINT, "SIGINT ended it"],
  ],
  run: runConsole,
};

async function runConsole(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  const leaveKey = parseEscapeKey(flags.text("escape") ?? "^]");
  const readOnly = flags.has("readonly");
  const client = await connectAgent(invocation);
  const [name = "", word] = operands;
  const target = await resolveTask(client, name, word);
  const scrollback = flags.count("scrollback") ?? DEFAULT_SCROLLBACK;
  const link = await openConsole(client.address, target.allocation.ID, target.task, { readOnly, scrollback });
  const { terminal } = context;
  const interrupt = terminal.listenForInterrupt();
  const screen = createScreen(terminal);
  const leaveAtEnd = flags.has("exit-on-eof");
  try {
    await look(
      { client, target, readOnly, leaveKey, leaveAtEnd, terminal, screen, interrupted: interrupt.signal },
      link,
    );
    return EXIT.ok;
  } finally {
    screen.restore();
    await terminal.drain();
    interrupt.release();
  }
}

/** Resolves when the viewer has left or the machine has ended. @throws AppError when the agent does not come back; Interrupted. */
async function look(looking: Looking, first: ConsoleLink): Promise<void> {
  const { terminal, interrupted } = looking;
  const left = new AbortController();
  const away = AbortSignal.any([left.signal, interrupted]);
  let link: ConsoleLink | null = first;
  away.addEventListener("abort", () => link?.close(), { once: true });
  const hands = createHands(
    looking,
    () => link,
    () => left.abort(),
  );
  const stop = terminal.keyboard.listen(hands.type, hands.end);
  try {
    for (let again = false; link !== null && !away.aborted; again = true) {
      if (await show(looking, link, hands.heard, again)) return;
      const { place }: ConsoleLink = link;
      link = null;
      if (!away.aborted) link = await reattach(looking, place, away);
    }
  } finally {
    stop();
    link?.close();
  }
  interrupted.throwIfAborted();
}

/** Shows what comes until the connection ends. @returns true when the machine has ended. */
async function show(looking: Looking, link: ConsoleLink, heard: () => void, again: boolean): Promise<boolean> {
  const { screen, terminal, interrupted } = looking;
  let hello: Hello | undefined;
  for await (const event of link.events()) {
    if (interrupted.aborted) return false;
    if ("data" in event) {
      heard();
      screen.output(event.data);
    } else if (event.frame.Type === "hello" && !again) hello = event.frame;
    else if (event.frame.Type === "live") {
      // Behind the scrollback, which may clear the screen.
      if (hello !== undefined) greet(looking, hello);
    } else if (event.frame.Type === "ended") {
      screen.say(`machine ended: ${event.frame.Message}`);
      return true;
    } else tell(screen, event.frame);
    await terminal.drain();
  }
  return false;
}

type Hello = Extract<ConsoleFrame, { readonly Type: "hello" }>;

function greet(
  { terminal, screen, leaveKey, readOnly, target }: Looking,
  hello: ConsoleFrame & { Type: "hello" },
): void {
  const what = `${hello.JobID} (allocation ${shortId(target.allocation.ID)}, task ${hello.Task})`;
  const leave = terminal.keyboard.isTerminal && leaveKey.byte !== null ? `; ${leaveKey.name} leaves` : "";
  const others = hello.Viewers > 1 ? `; ${hello.Viewers} look at it now` : "";
  const quiet = hello.Logged ? "" : "; the job keeps no serial log, so there is no scrollback";
  screen.say(`connected to ${what}${readOnly ? ", only to look" : ""}${leave}${others}${quiet}`);
  screen.begin();
}

function tell(screen: Screen, frame: ConsoleFrame): void {
  if (frame.Type === "skipped") screen.say(`${formatBytes(frame.Bytes)} skipped: this terminal was too slow`);
  if (frame.Type === "lost") screen.say(`input lost: ${frame.Message}`);
  if (frame.Type === "machine") screen.say(frame.Message);
}

/** Most bytes that are kept for a guest that does not read what is typed. */
const MOST_TYPED = 64 << 10;

/** What is done with what is typed. */
function createHands(looking: Looking, link: () => ConsoleLink | null, leave: () => void) {
  const { terminal, leaveKey, readOnly, leaveAtEnd, screen } = looking;
  const { isTerminal } = terminal.keyboard;
  let sending: Promise<void> = Promise.resolve();
  let unsent = 0;
  let ended = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const send = async (data: Uint8Array): Promise<void> => {
    try {
      await link()?.send(data);
    } catch (error) {
      screen.say(`input lost: ${errorText(error)}`);
    }
    unsent -= data.length;
  };
  const heard = (): void => {
    if (!ended || !leaveAtEnd) return;
    clearTimeout(silence);
    silence = setTimeout(leave, SILENCE);
  };
  return {
    heard,
    type: async (data: Uint8Array): Promise<void> => {
      const at = isTerminal && leaveKey.byte !== null ? data.indexOf(leaveKey.byte) : -1;
      const typed = at < 0 ? data : data.subarray(0, at);
      if (!readOnly && typed.length > 0 && (!isTerminal || unsent < MOST_TYPED)) {
        unsent += typed.length;
        sending = sending.then(() => send(typed));
      }
      // A key must leave also while the guest takes nothing; a pipe waits for it.
      if (!isTerminal) await sending;
      if (at >= 0) leave();
    },
    end: (): void => {
      void sending.then(() => {
        ended = true;
        // A terminal that is gone has nobody in front of it.
        if (isTerminal) leave();
        if (leaveAtEnd) setTimeout(leave, LATEST);
        heard();
      });
    },
  };
}
