import type { Context, Hono } from "hono";
import { AppError } from "../../base/errors.ts";
import type { Seat } from "../../console/console.ts";
import type { Viewer } from "../../console/seat.ts";
import { type ConsoleFrame, MACHINE_ENDED } from "../../contract/console.ts";
import type { ServedSocket, SocketHandler } from "../../runtime/serve.ts";
import { besideOf } from "../access/caller.ts";
import type { ApiContext } from "../context.ts";
import { errorReply } from "../errors.ts";
import { findTask } from "../machines.ts";
import { countParam, flagParam, pathParam } from "../query.ts";

/** Lines of scrollback without `scrollback`. */
const DEFAULT_SCROLLBACK = 50;

/** Why a WebSocket is closed (RFC 6455, 7.4.1). */
const CLOSE = { done: 1000, leaving: 1001, notUnderstood: 1003, failed: 1011 } as const;

/** `GET /v1/vm/:alloc/:task/console`: the serial console as a WebSocket; `src/contract/console.ts` tells what it speaks. */
export function addConsoleRoute(app: Hono, context: ApiContext): void {
  app.get("/v1/vm/:alloc/:task/console", (c) => openConsole(c, context));
}

function openConsole(c: Context, context: ApiContext): Response {
  const task = pathParam(c, "task");
  const { id } = findTask(context, pathParam(c, "alloc"), task).allocation;
  const file = c.req.query("file") || undefined;
  const letIn = context.agent.openConsole(id, task, {
    readOnly: flagParam(c, "readonly"),
    lines: countParam(c, "scrollback", DEFAULT_SCROLLBACK),
    from: file === undefined ? undefined : { file, offset: countParam(c, "offset", 0) },
  });
  // Whatever keeps a viewer out was said above, also to a client that cannot read the reply to a WebSocket's request.
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    const reply = errorReply(426, "a console is a WebSocket: expected Upgrade: websocket", "paddock console NAME");
    reply.headers.set("upgrade", "websocket");
    return reply;
  }
  const { upgrade } = besideOf(c);
  if (upgrade === undefined) return errorReply(501, "not supported: a console: this agent's server has no WebSockets");
  if (upgrade(createHandler(letIn, context.stopping))) return new Response(null);
  return errorReply(501, "not supported: a console: this agent's runtime has no WebSockets, or the handshake is none");
}

function createHandler(letIn: (viewer: Viewer) => Seat, stopping: AbortSignal): SocketHandler {
  let seat: Seat | undefined;
  let refuse: (code: number, reason: string) => void = () => undefined;
  const stop = (): void => refuse(CLOSE.leaving, "the agent stops; the machine runs on");
  return {
    open: (socket) => {
      refuse = (code, reason) => socket.close(code, reason);
      stopping.addEventListener("abort", stop, { once: true });
      try {
        seat = letIn(createViewer(socket));
      } catch (error) {
        refuse(CLOSE.failed, error instanceof AppError ? error.message.slice(0, 100) : "internal error");
      }
      if (stopping.aborted) stop();
    },
    message: (data) => {
      // What is typed may be anything, so it never comes as text: a text frame is a word for the agent, and it knows none.
      if (typeof data === "string") refuse(CLOSE.notUnderstood, "expected input in binary frames");
      else seat?.input(data);
    },
    drained: () => seat?.drained(),
    closed: () => {
      stopping.removeEventListener("abort", stop);
      seat?.leave();
    },
  };
}

function createViewer(socket: ServedSocket): Viewer {
  return {
    waiting: () => socket.waiting(),
    output: (data) => socket.send(data),
    tell: (frame: ConsoleFrame) => socket.send(JSON.stringify(frame)),
    end: (failure) => socket.close(failure === undefined ? CLOSE.done : CLOSE.failed, failure ?? MACHINE_ENDED),
  };
}
