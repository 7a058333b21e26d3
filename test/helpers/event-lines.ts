import * as v from "valibot";
import { EventLineSchema, type WireEvent } from "../../src/contract/event.ts";

export type EventLine = v.InferOutput<typeof EventLineSchema>;

export interface EventLines {
  /** The next line, which must be of the contract and have nothing besides; undefined at the end. */
  next(): Promise<EventLine | undefined>;
  /** The next events, whatever else comes between. @throws when the stream ends before. */
  events(): Promise<{ readonly index: number; readonly events: readonly WireEvent[] }>;
  cancel(): Promise<void>;
}

/** Reads an event stream line by line. */
export function eventLines(reply: Response): EventLines {
  const reader = reply.body?.getReader();
  if (reader === undefined) throw new Error("the reply has no body");
  const decoder = new TextDecoder();
  let buffer = "";
  const next = async (): Promise<EventLine | undefined> => {
    for (;;) {
      const end = buffer.indexOf("\n");
      if (end >= 0) {
        const body: unknown = JSON.parse(buffer.slice(0, end));
        buffer = buffer.slice(end + 1);
        const parsed = v.parse(EventLineSchema, body);
        if (!Bun.deepEquals(body, parsed)) throw new Error(`not of the contract: ${JSON.stringify(body)}`);
        return parsed;
      }
      const { done, value } = await reader.read();
      if (done) return undefined;
      buffer += decoder.decode(value, { stream: true });
    }
  };
  return {
    next,
    events: async () => {
      for (;;) {
        const line = await next();
        if (line === undefined || "Error" in line) throw new Error(`the stream ended: ${JSON.stringify(line)}`);
        if ("Events" in line) return { index: line.Index, events: line.Events };
      }
    },
    cancel: () => reader.cancel(),
  };
}
