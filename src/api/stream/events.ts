import { setImmediate } from "node:timers/promises";
import type { Context, Hono } from "hono";
import type { Written } from "../../agent/agent.ts";
import { AppError, errorText } from "../../base/errors.ts";
import { type EventFilter, isWanted, readEventFilter } from "../../contract/event.ts";
import type { Cursor, Occasion } from "../../events/feed.ts";
import { readHeaders } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { countParam } from "../query.ts";
import { writeEvents } from "./event-text.ts";

/** Milliseconds after which a silent stream says that it is alive, as in Nomad. */
const HEARTBEAT = 10_000;
/** Most streams at once: each holds a connection and so a descriptor. */
const MOST_STREAMS = 4_096;

/** `GET /v1/event/stream`. */
export function addEventRoutes(app: Hono, context: ApiContext): void {
  const streams = new EventStreams(context);
  app.get("/v1/event/stream", (c) => replyEvents(c, context, streams));
}

function replyEvents(c: Context, context: ApiContext, streams: EventStreams): Response {
  const filter = readEventFilter(c.req.queries("topic") ?? [], c.req.query("namespace"));
  const index = countParam(c, "index", 0);
  const oldest = context.agent.feed.oldest ?? context.agent.changes.index + 1;
  const headers = {
    ...readHeaders(context),
    // Ours: what is asked for below it is not kept any more, and the stream begins with what is, as in Nomad.
    "x-paddock-oldest-index": String(oldest),
    "content-type": "application/json",
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  };
  return new Response(streams.open(filter, context.agent.feed.open(index), c.req.raw.signal), { headers });
}

type Controller = ReadableStreamDefaultController<Uint8Array>;

interface EventStream {
  readonly filter: EventFilter;
  readonly cursor: Cursor<Written>;
  readonly controller: Controller;
  /** Whether its reader has taken everything and waits. */
  hungry: boolean;
  /** Whether it was told something since the last beat. */
  told: boolean;
  end: () => void;
}

interface Told {
  /** Each event as JSON, with what filters look at. */
  readonly events: readonly { readonly event: Parameters<typeof isWanted>[1]; readonly text: string }[];
  /** The line of the filter that it was last made for. */
  last: { readonly filter: string; readonly line: Uint8Array | null } | null;
}

/** All event streams: they share one beat, and each occasion is written once for all of them. Nothing is done while there is none. */
export class EventStreams {
  readonly #context: ApiContext;
  readonly #open = new Set<EventStream>();
  readonly #told = new WeakMap<Occasion<Written>, Told>();
  #unlisten: () => void = () => undefined;
  #cancelBeat: () => void = () => undefined;
  #due = false;

  constructor(context: ApiContext) {
    this.#context = context;
    context.stopping.addEventListener("abort", () => {
      for (const stream of [...this.#open]) this.#cut(stream, STOPS);
    });
  }

  /**
   * The body of a reply; it is given no faster than it is read, and ends when `gone` aborts, the agent stops, or its reader is so slow
   * that what comes next is not kept any more.
   * @throws AppError `unavailable` when there are too many.
   */
  open(filter: EventFilter, cursor: Cursor<Written>, gone: AbortSignal): ReadableStream<Uint8Array> {
    if (this.#open.size >= MOST_STREAMS) {
      throw new AppError("unavailable", `${MOST_STREAMS} event streams are open`, { hint: "close one of them" });
    }
    let stream: EventStream | undefined;
    const leave = (): void => {
      if (stream !== undefined) this.#leave(stream);
    };
    const begin = (controller: Controller): void => {
      if (gone.aborted || this.#context.stopping.aborted) {
        controller.close();
        return;
      }
      stream = {
        filter,
        cursor,
        controller,
        hungry: true,
        told: false,
        end: () => gone.removeEventListener("abort", leave),
      };
      gone.addEventListener("abort", leave, { once: true });
      this.#enter(stream);
      // Bun sends the head of a reply with its first bytes.
      this.#tell(stream, BEAT);
    };
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          if (stream === undefined) return begin(controller);
          stream.hungry = true;
          this.#feed(stream);
        },
        cancel: leave,
      },
      // Without a buffer of its own nothing is held before somebody reads.
      { highWaterMark: 0 },
    );
  }

  #enter(stream: EventStream): void {
    if (this.#open.size === 0) {
      this.#unlisten = this.#context.agent.feed.listen(() => this.#feedSoon());
      this.#beatLater();
    }
    this.#open.add(stream);
    this.#context.load.events = this.#open.size;
  }

  #leave(stream: EventStream): void {
    stream.end();
    if (!this.#open.delete(stream)) return;
    this.#context.load.events = this.#open.size;
    if (this.#open.size > 0) return;
    this.#unlisten();
    this.#cancelBeat();
  }

  /** Not in the middle of a change: what came of it is looked at when it is over. */
  #feedSoon(): void {
    if (this.#due) return;
    this.#due = true;
    void setImmediate().then(() => {
      this.#due = false;
      for (const stream of [...this.#open]) this.#feed(stream);
    });
  }

  #feed(stream: EventStream): void {
    while (stream.hungry && this.#open.has(stream)) {
      const occasion = stream.cursor.take();
      if (occasion === undefined) return;
      if (occasion === "lost") {
        this.#cut(stream, SLOW);
        return;
      }
      const line = this.#lineOf(occasion, stream.filter);
      if (line !== null) this.#tell(stream, line);
    }
  }

  #tell(stream: EventStream, line: Uint8Array): void {
    stream.hungry = false;
    stream.told = true;
    stream.controller.enqueue(line);
  }

  #cut(stream: EventStream, why: Uint8Array): void {
    this.#leave(stream);
    if (why === SLOW) this.#context.load.eventsCut++;
    stream.controller.enqueue(why);
    stream.controller.close();
  }

  #beatLater(): void {
    this.#cancelBeat = this.#context.clock.after(HEARTBEAT, () => {
      for (const stream of [...this.#open]) this.#beat(stream);
      if (this.#open.size > 0) this.#beatLater();
    });
  }

  #beat(stream: EventStream): void {
    // One that waits for its reader learns here that it waits in vain.
    if (!stream.hungry && stream.cursor.isLost) this.#cut(stream, SLOW);
    else if (stream.hungry && !stream.told) this.#tell(stream, BEAT);
    stream.told = false;
  }

  /** null when nothing of it is wanted. */
  #lineOf(occasion: Occasion<Written>, filter: EventFilter): Uint8Array | null {
    const told = this.#told.get(occasion) ?? this.#write(occasion);
    if (told.last?.filter === filter.text) return told.last.line;
    const texts = told.events.filter(({ event }) => isWanted(filter, event)).map(({ text }) => text);
    const line = texts.length === 0 ? null : utf8(`{"Index":${occasion.index},"Events":[${texts.join(",")}]}`);
    told.last = { filter: filter.text, line };
    return line;
  }

  #write(occasion: Occasion<Written>): Told {
    const told: Told = { events: this.#eventsOf(occasion), last: null };
    this.#told.set(occasion, told);
    return told;
  }

  /** One that cannot be written is no reason to end every stream. */
  #eventsOf(occasion: Occasion<Written>): Told["events"] {
    try {
      return writeEvents(this.#context, occasion).map(({ Payload, ...event }) => ({
        event,
        text: JSON.stringify({ ...event, Payload }),
      }));
    } catch (error) {
      this.#context.log.error("an event was not told", { index: occasion.index, error: errorText(error) });
      return [];
    }
  }
}

const utf8 = (line: string): Uint8Array => new TextEncoder().encode(`${line}\n`);

const BEAT = utf8("{}");

const endLine = (message: string, hint: string): Uint8Array =>
  utf8(JSON.stringify({ Error: { Message: message, Hint: hint } }));

const SLOW = endLine(
  "events were not read in time and are not kept any more",
  "read the lists that you need, and go on from the X-Nomad-Index of their replies",
);
const STOPS = endLine("the agent stops", "go on from the last Index when it runs");
