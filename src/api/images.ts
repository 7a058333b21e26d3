import type { Context, Hono } from "hono";
import type { Images } from "../agent/images.ts";
import type { Progress } from "../artifact/download/progress.ts";
import { AppError } from "../base/errors.ts";
import {
  PruneRequestSchema,
  PullRequestSchema,
  type WireImageFrame,
  writeImage,
  writeImageFile,
  writeImages,
  writePruneReply,
  writePulled,
  writeVerdict,
} from "../contract/image.ts";
import { writeProgress } from "../contract/task-state.ts";
import { readHeaders } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { pathParam } from "./query.ts";
import { replyFrames } from "./stream/frames.ts";
import { readBody } from "./validate.ts";

/** What was fetched once for all jobs. Nothing of it is a record: there is no waiting for a change. */
export function addImageRoutes(app: Hono, context: ApiContext): void {
  const images = (): Images => context.agent.images;
  app.get("/v1/images", async (c) => {
    const prefix = c.req.query("prefix") ?? "";
    const { images: all, setAside } = await images().list();
    const listed = writeImages(all, setAside);
    const found = listed.Images.filter(({ Checksum }) => Checksum.startsWith(prefix));
    return c.json({ ...listed, Images: found }, 200, readHeaders(context));
  });
  app.on(["PUT", "POST"], "/v1/images/prune", async (c) => {
    const { MaxAge, MaxBytes, DryRun } = (await readBody(c, PruneRequestSchema)).body;
    if (MaxAge === null && MaxBytes === null) throw new AppError("invalid", "expected MaxAge, MaxBytes or both");
    const rule = { maxAge: MaxAge === null ? null : MaxAge / 1e6, maxBytes: MaxBytes };
    const { removed, setAside } = await images().prune(rule, DryRun);
    return c.json(writePruneReply(removed, setAside));
  });
  app.on(["PUT", "POST"], "/v1/images/pull", (c) => pullImage(c, context));
  app.get("/v1/image/:checksum", async (c) => {
    const image = await images().find(pathParam(c, "checksum"));
    const file = images().describe(image);
    const info = { ...writeImage(image), File: file === null ? null : writeImageFile(file) };
    return c.json(info, 200, readHeaders(context));
  });
  app.delete("/v1/image/:checksum", async (c) => c.json(writeImage(await images().remove(pathParam(c, "checksum")))));
  app.on(["PUT", "POST"], "/v1/image/:checksum/verify", (c) => verifyImage(c, context));
}

async function verifyImage(c: Context, context: ApiContext): Promise<Response> {
  const { images } = context.agent;
  const checksum = pathParam(c, "checksum");
  // What is not there is answered as such, and not in a frame.
  await images.find(checksum);
  return replyFrames<WireImageFrame>(c, context, async ({ tell, update }, signal) => {
    const onProgress = (progress: Progress): void =>
      update({ Progress: writeProgress({ source: checksum, ...progress }) });
    const verdict = await images.verify(checksum, { signal, onProgress });
    tell({ Verified: writeVerdict(verdict) });
  });
}

async function pullImage(c: Context, context: ApiContext): Promise<Response> {
  const body = (await readBody(c, PullRequestSchema)).body;
  // What is wrong with the request is answered as such, and not in a frame.
  const pull = context.agent.images.pull({
    source: body.GetterSource,
    options: body.GetterOptions ?? {},
    headers: body.GetterHeaders ?? {},
    insecure: body.GetterInsecure ?? false,
  });
  return replyFrames<WireImageFrame>(c, context, async ({ tell, update }, signal) => {
    const pulled = await pull.run({
      signal,
      onProgress: (progress) => update({ Progress: writeProgress({ source: pull.source, ...progress }) }),
      onMessage: (message) => tell({ Message: message }),
    });
    tell({ Pulled: writePulled(pulled) });
  });
}
