import type { Context, Hono } from "hono";
import type { Agent } from "../agent/agent.ts";
import { AppError, errorText } from "../base/errors.ts";
import { writeFileInfo } from "../contract/file.ts";
import { HEARTBEAT_FRAME, writeFileEvent, writeLogFrames } from "../contract/log-frame.ts";
import { readHeaders } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { countParam, flagParam, pathParam, wordParam } from "./query.ts";
import { streamChunks } from "./stream/chunks.ts";

/** The files of allocations: routes below `/v1/client/fs`, but for the logs. */
export function addFileRoutes(app: Hono, context: ApiContext): void {
  app.get("/v1/client/fs/ls/:alloc", async (c) => {
    const list = await context.agent.files.list(pathParam(c, "alloc"), c.req.query("path") || "/");
    return c.json(list.map(writeFileInfo), 200, readHeaders(context));
  });
  app.get("/v1/client/fs/stat/:alloc", async (c) => {
    return c.json(
      writeFileInfo(await context.agent.files.stat(pathParam(c, "alloc"), needPath(c))),
      200,
      readHeaders(context),
    );
  });
  app.get("/v1/client/fs/cat/:alloc", (c) => replyFile(c, context, { origin: "start", offset: 0, plain: true }));
  app.get("/v1/client/fs/readat/:alloc", (c) => {
    const limit = limitParam(c);
    return replyFile(c, context, { origin: "start", offset: countParam(c, "offset"), limit, plain: true });
  });
  app.get("/v1/client/fs/stream/:alloc", (c) => {
    const origin = wordParam(c, "origin", ["start", "end"], "start");
    const follow = c.req.query("follow") ? flagParam(c, "follow") : true;
    return replyFile(c, context, { origin, offset: countParam(c, "offset", 0), follow, plain: flagParam(c, "plain") });
  });
}

/** Says what is missing where no allocation is named; to be added behind every route. */
export function refuseNoAllocation(app: Hono): void {
  app.all("/v1/client/fs/:action{(ls|stat|cat|readat|stream|logs)/?}", () => {
    throw new AppError("invalid", "must provide a valid alloc id", { hint: "it stands behind the last / of the path" });
  });
}

interface Wish extends Partial<Omit<Parameters<Agent["files"]["read"]>[2], "signal">> {
  readonly origin: "start" | "end";
  readonly offset: number;
  /** Bytes as they are instead of frames. */
  readonly plain: boolean;
}

async function replyFile(c: Context, context: ApiContext, { plain, follow = false, ...wish }: Wish): Promise<Response> {
  const [id, path] = [pathParam(c, "alloc"), needPath(c)];
  const reading = new AbortController();
  const signal = AbortSignal.any([reading.signal, c.req.raw.signal, context.stopping]);
  const pieces = context.agent.files.read(id, path, { ...wish, follow, signal });
  const headers = {
    ...readHeaders(context),
    "content-type": plain ? "application/octet-stream" : "application/json",
    "x-content-type-options": "nosniff",
  };
  if (c.req.method === "HEAD") return new Response(null, { headers });
  // What is wrong with a file shows when it is opened.
  const first = follow ? undefined : await pieces.next();
  const body = streamChunks(pieces, first, {
    encode: ({ offset, data, event }) => {
      if (plain) return data;
      return utf8.encode(
        event === undefined ? writeLogFrames(path, offset, data) : writeFileEvent(path, offset, event),
      );
    },
    heartbeat: follow && !plain ? utf8.encode(HEARTBEAT_FRAME) : undefined,
    clock: context.clock,
    signal,
    stop: () => reading.abort(),
    onError: (error) => context.log.warn("a file stream broke off", { alloc: id, error: errorText(error) }),
  });
  return new Response(body, { headers });
}

const utf8 = new TextEncoder();

function needPath(c: Context): string {
  const path = c.req.query("path");
  if (path) return path;
  throw new AppError("invalid", "must provide a file name", { hint: "query parameter path, such as alloc/logs" });
}

/** Nomad's clients ask for -1 when they want all of it. */
function limitParam(c: Context): number | undefined {
  if (c.req.query("limit")?.startsWith("-")) return undefined;
  return countParam(c, "limit", 0) || undefined;
}
