import type { Context } from "hono";
import { AppError, errorText } from "../../base/errors.ts";
import { readHeaders } from "../blocking.ts";
import type { ApiContext } from "../context.ts";

/** Milliseconds of silence after which a reply says that it is alive. */
const HEARTBEAT = 1_000;

export interface Teller<Frame> {
  /** Sends a frame, whatever waits. */
  tell(frame: Frame): void;
  /** Sends a frame that the next one makes useless; a reader that is slow does not get it. */
  update(frame: Frame): void;
}

/**
 * Answers with JSON frames, one after the other, while something is done that takes its time. The work is given up when the client
 * goes away.
 * @param work what it throws is told in a frame of its own, and then nothing more.
 */
export function replyFrames<Frame extends object>(
  c: Context,
  context: ApiContext,
  work: (teller: Teller<Frame>, signal: AbortSignal) => Promise<void>,
): Response {
  const left = new AbortController();
  const signal = AbortSignal.any([left.signal, c.req.raw.signal, context.stopping]);
  const utf8 = new TextEncoder();
  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    let open = true;
    const send = (frame: object): void => {
      if (open) controller.enqueue(utf8.encode(JSON.stringify(frame)));
    };
    let cancelBeat = (): void => undefined;
    const beat = (): void => {
      if ((controller.desiredSize ?? 0) > 0) send({});
      cancelBeat = context.clock.after(HEARTBEAT, beat);
    };
    // Bun sends the head of a reply with its first bytes.
    beat();
    const end = (): void => {
      cancelBeat();
      // Kept by whoever listens to it as long as the agent runs.
      signal.removeEventListener("abort", giveUp);
      if (!open) return;
      open = false;
      try {
        controller.close();
      } catch {
        // Whoever read it has cancelled it.
      }
    };
    const giveUp = (): void => {
      if (context.stopping.aborted) send({ Error: STOPS });
      end();
    };
    signal.addEventListener("abort", giveUp);
    work({ tell: send, update: (frame) => ((controller.desiredSize ?? 0) > 0 ? send(frame) : undefined) }, signal)
      .catch((error: unknown) => {
        // What was given up because nobody waits for it is no fault.
        if (open) send({ Error: describeFailure(c, context, error) });
      })
      .finally(end);
  };
  const body = new ReadableStream<Uint8Array>({ start, cancel: () => left.abort() }, { highWaterMark: 16 });
  return new Response(body, {
    headers: {
      ...readHeaders(context),
      "content-type": "application/json",
      "x-content-type-options": "nosniff",
    },
  });
}

const STOPS = { Message: "the agent stops", Hint: "try again when it runs" };

function describeFailure(c: Context, { log }: ApiContext, error: unknown) {
  if (error instanceof AppError && error.code !== "internal") {
    return { Message: error.message, Hint: error.hint ?? null };
  }
  log.error("request failed", { path: c.req.path, error: errorText(error) });
  return { Message: "internal error", Hint: "the agent's log has the details" };
}
