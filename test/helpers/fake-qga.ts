import { createServer, type Server, type Socket } from "node:net";

/** What a guest does with the channel of its agent; `say` writes to whoever asked. */
export interface GuestBehaviour {
  /** Called with each request that arrives, its sentinel apart. */
  readonly onRequest?: (request: AgentRequest, say: Say) => void;
  /** Called when a client connects, before it says anything. */
  readonly onConnect?: (say: Say) => void;
}

export interface AgentRequest {
  readonly execute: string;
  readonly arguments?: { readonly id?: number; readonly mode?: string };
  /** Whether 0xFF stood before it. */
  readonly delimited: boolean;
}

export interface Say {
  /** A value as one line. */
  line(value: unknown): void;
  bytes(data: string | Uint8Array): void;
  close(): void;
}

export interface FakeGuestAgent extends AsyncDisposable {
  readonly received: readonly AgentRequest[];
}

const SENTINEL = 0xff;

/** Answers as qemu-ga does: also with an error for the byte that no JSON has. */
export const WELL_BEHAVED: GuestBehaviour = {
  onRequest: (request, say) => {
    if (request.delimited) say.line({ error: { class: "GenericError", desc: "JSON parse error" } });
    if (request.execute === "guest-sync-delimited") say.bytes(Uint8Array.of(SENTINEL));
    if (request.execute.startsWith("guest-sync")) say.line({ return: request.arguments?.id });
  },
};

/** The channel of a guest agent on a unix socket. */
export async function startFakeGuestAgent(path: string, behaviour: GuestBehaviour): Promise<FakeGuestAgent> {
  const received: AgentRequest[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => socket.destroy());
    const say = speaker(socket);
    behaviour.onConnect?.(say);
    let text = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      text = Buffer.concat([text, chunk]);
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const request = readRequest(text.subarray(0, end));
        text = text.subarray(end + 1);
        received.push(request);
        behaviour.onRequest?.(request, say);
      }
    });
  });
  await new Promise<void>((listening) => {
    server.listen(path, listening);
  });
  return {
    received,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((closed) => {
        server.close(() => closed());
      });
    },
  };
}

function readRequest(bytes: Buffer): AgentRequest {
  const delimited = bytes[0] === SENTINEL;
  return { ...JSON.parse(bytes.subarray(delimited ? 1 : 0).toString("utf8")), delimited };
}

function speaker(socket: Socket): Say {
  return {
    line: (value) => void socket.write(`${JSON.stringify(value)}\n`),
    bytes: (data) => void socket.write(data),
    close: () => void socket.destroy(),
  };
}
