import { createServer, type Socket } from "node:net";

/** What the scripted monitor does, one step after another. */
export type QmpStep =
  /** Sends a value as one line, or a string or bytes as they are. */
  | { readonly send: object | string | Uint8Array }
  /** Waits for this command; then answers with `reply`, `error` or `raw` (which may hold `$id`), or not at all. */
  | {
      readonly expect: string;
      readonly reply?: unknown;
      readonly error?: { readonly class: string; readonly desc: string };
      readonly raw?: string;
    }
  /** Waits until the test lets it go on. */
  | { readonly until: Promise<unknown> }
  /** Drops the connection. */
  | { readonly close: true };

export interface ReceivedCommand {
  readonly execute: string;
  readonly arguments?: unknown;
  readonly id?: unknown;
}

export interface FakeQmp {
  readonly received: readonly ReceivedCommand[];
  /** Connections accepted so far. */
  readonly connections: number;
  /** Resolves when the script is through; rejects when it met another command than it expected. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export const GREETING: QmpStep = {
  send: { QMP: { version: { qemu: { micro: 22, minor: 2, major: 7 }, package: "" }, capabilities: ["oob"] } },
};
/** Greeting and negotiation as QEMU does them. */
export const HANDSHAKE: readonly QmpStep[] = [GREETING, { expect: "qmp_capabilities", reply: {} }];

/** A monitor on a unix socket that plays a script to the first client. */
export async function startFakeQmp(path: string, script: readonly QmpStep[]): Promise<FakeQmp> {
  const received: ReceivedCommand[] = [];
  const sockets: Socket[] = [];
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  done.catch(() => undefined);
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    if (sockets.length > 1) return;
    play(socket, script, received).then(resolve, reject);
  });
  await new Promise<void>((listening) => {
    server.listen(path, listening);
  });
  return {
    received,
    get connections() {
      return sockets.length;
    },
    done,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((closed) => {
        server.close(() => closed());
      });
    },
  };
}

async function play(socket: Socket, script: readonly QmpStep[], received: ReceivedCommand[]): Promise<void> {
  const next = commandReader(socket, received);
  for (const step of script) {
    if ("send" in step) socket.write(encode(step.send));
    else if ("until" in step) await step.until;
    else if ("close" in step) socket.destroy();
    else answer(socket, step, await next(step.expect));
  }
}

function answer(socket: Socket, step: Extract<QmpStep, { expect: string }>, command: ReceivedCommand): void {
  if (command.execute !== step.expect) throw new Error(`expected ${step.expect}, found ${command.execute}`);
  if (step.raw !== undefined) socket.write(step.raw.replaceAll("$id", JSON.stringify(command.id)));
  else if (step.error !== undefined) socket.write(encode({ error: step.error, id: command.id }));
  else if (step.reply !== undefined) socket.write(encode({ return: step.reply, id: command.id }));
}

function encode(value: object | string | Uint8Array): string | Uint8Array {
  return typeof value === "string" || value instanceof Uint8Array ? value : `${JSON.stringify(value)}\r\n`;
}

/** Commands in the order of their arrival, however the bytes were cut. */
function commandReader(socket: Socket, received: ReceivedCommand[]): (expected: string) => Promise<ReceivedCommand> {
  let text = "";
  let taken = 0;
  let wake: () => void = () => undefined;
  socket.on("data", (chunk) => {
    text += chunk.toString("utf8");
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) received.push(JSON.parse(line));
    wake();
  });
  socket.on("close", () => wake());
  return async (expected) => {
    for (;;) {
      const command = received[taken];
      if (command !== undefined) {
        taken++;
        return command;
      }
      if (socket.destroyed) throw new Error(`the client went away before it sent ${expected}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}
