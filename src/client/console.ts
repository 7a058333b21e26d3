import { Buffer } from "node:buffer";
import * as v from "valibot";
import { AppError } from "../base/errors.ts";
import { type ConsoleFrame, ConsoleFrameSchema, MAX_INPUT_UNDERWAY } from "../contract/console.ts";
import { openRemoteWebSocket, openUnixWebSocket } from "../runtime/websocket.ts";
import type { Address } from "./address.ts";
import { explainSilence } from "./discover.ts";
import { sendRequest, tokenHeaders } from "./request.ts";

/** Most bytes of output that wait for a reader; what is beyond is left out and told. */
const MOST_WAITING = 1 << 20;

export interface ConsoleOptions {
  readonly readOnly: boolean;
  /** Lines of scrollback. */
  readonly scrollback: number;
  /** Goes on here instead of with scrollback. */
  readonly from?: ConsolePlace | undefined;
}

/** A place in the serial log. */
export interface ConsolePlace {
  readonly file: string;
  readonly offset: number;
}

/** What comes from a console: bytes that the guest wrote, or a word of the agent's. */
export type ConsoleEvent = { readonly data: Uint8Array } | { readonly frame: ConsoleFrame };

/** A viewer's connection to a machine's console. */
export interface ConsoleLink {
  /** Where the output ended that was read so far; undefined while nobody has said. */
  readonly place: ConsolePlace | undefined;
  /** Everything that comes, in order, until the connection ends, whichever way. */
  events(): AsyncGenerator<ConsoleEvent>;
  /** Sends input no faster than the guest takes it; resolves when more can be sent. What a closed connection is given is dropped. */
  send(data: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * Opens the console of a machine.
 * @throws AppError with the agent's words when it refuses, `unavailable` when nobody answers.
 */
export async function openConsole(
  address: Address,
  allocationId: string,
  task: string,
  options: ConsoleOptions,
): Promise<ConsoleLink> {
  const { readOnly, scrollback, from } = options;
  const query = new URLSearchParams({ scrollback: String(scrollback), readonly: String(readOnly) });
  if (from !== undefined) {
    query.set("file", from.file);
    query.set("offset", String(from.offset));
  }
  const target = `/v1/vm/${encodeURIComponent(allocationId)}/${encodeURIComponent(task)}/console?${query}`;
  let socket: WebSocket | null;
  try {
    socket = openSocket(address, target);
  } catch (error) {
    throw await explainSilence(address, error);
  }
  if (socket === null) {
    throw new AppError("unsupported", "this runtime has no WebSockets for consoles", {
      hint: "the binary of paddock has them",
    });
  }
  const opened = socket;
  socket.binaryType = "arraybuffer";
  const link = createLink(socket);
  await new Promise<void>((resolve) => {
    opened.addEventListener("open", () => resolve(), { once: true });
    opened.addEventListener("close", () => resolve(), { once: true });
  });
  if (socket.readyState === WebSocket.OPEN) return link;
  // Why it was refused stands in a reply that a WebSocket does not show: asked again, the agent says it.
  await sendRequest(address, { target });
  throw new AppError("unavailable", "the agent let nobody look at the console", { hint: "try again" });
}

function openSocket(address: Address, target: string): WebSocket | null {
  if (address.kind === "unix") return openUnixWebSocket(address.path, target);
  const url = `${address.origin.replace(/^http/, "ws")}${target}`;
  return openRemoteWebSocket(url, tokenHeaders(address.credentials), address.credentials?.tls);
}

function createLink(socket: WebSocket): ConsoleLink {
  const inbox = createInbox();
  const window = createWindow(socket);
  let place: ConsolePlace | undefined;
  socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (data instanceof ArrayBuffer) return inbox.output(new Uint8Array(data));
    const frame = readFrame(data);
    if (frame?.Type === "taken" || frame?.Type === "lost") window.taken(frame.Bytes);
    if (frame !== undefined && frame.Type !== "taken") inbox.frame(frame);
  });
  socket.addEventListener("close", () => {
    inbox.end();
    window.end();
  });
  return {
    get place() {
      return place;
    },
    async *events() {
      for await (const event of inbox.events()) {
        place = placeBehind(event, place);
        yield event;
      }
    },
    send: window.send,
    close: () => socket.close(1000),
  };
}

function placeBehind(event: ConsoleEvent, place: ConsolePlace | undefined): ConsolePlace | undefined {
  const passed = (bytes: number) => place && { ...place, offset: place.offset + bytes };
  if ("data" in event) return passed(event.data.length);
  if (event.frame.Type === "skipped") return passed(event.frame.Bytes);
  return event.frame.Type === "position" ? { file: event.frame.File, offset: event.frame.Offset } : place;
}

/** Undefined for a frame that this version does not know. */
function readFrame(data: unknown): ConsoleFrame | undefined {
  try {
    const result = v.safeParse(ConsoleFrameSchema, JSON.parse(String(data)));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

/** Events that wait for their reader. */
function createInbox() {
  const waiting: ConsoleEvent[] = [];
  let [bytes, skipped, over] = [0, 0, false];
  let wake: () => void = () => undefined;
  const put = (event: ConsoleEvent): void => {
    waiting.push(event);
    wake();
  };
  const tellSkipped = (): void => {
    if (skipped > 0) put({ frame: { Type: "skipped", Bytes: skipped } });
    skipped = 0;
  };
  return {
    output: (data: Uint8Array): void => {
      if (bytes > MOST_WAITING) {
        skipped += data.length;
        return;
      }
      tellSkipped();
      bytes += data.length;
      put({ data });
    },
    frame: (frame: ConsoleFrame): void => {
      tellSkipped();
      put({ frame });
    },
    end: (): void => {
      tellSkipped();
      over = true;
      wake();
    },
    async *events(): AsyncGenerator<ConsoleEvent> {
      for (;;) {
        const event = waiting.shift();
        if (event !== undefined) {
          if ("data" in event) bytes -= event.data.length;
          yield event;
        } else if (over) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}

/** Largest piece of input in one frame. */
const PIECE = 4 << 10;

/** Lets so much input be underway as the agent takes. */
function createWindow(socket: WebSocket) {
  let underway = 0;
  let wake: () => void = () => undefined;
  const room = async (): Promise<void> => {
    while (socket.readyState === WebSocket.OPEN && underway > MAX_INPUT_UNDERWAY / 2) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return {
    send: async (data: Uint8Array): Promise<void> => {
      for (let at = 0; at < data.length; at += PIECE) {
        const piece = data.subarray(at, at + PIECE);
        await room();
        if (socket.readyState !== WebSocket.OPEN) return;
        underway += piece.length;
        socket.send(Buffer.from(piece));
      }
    },
    taken: (bytes: number): void => {
      underway -= bytes;
      wake();
    },
    end: (): void => wake(),
  };
}
