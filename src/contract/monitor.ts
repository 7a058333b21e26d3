import { Buffer } from "node:buffer";
import * as v from "valibot";

/** One frame of `GET /v1/agent/monitor`: whole lines in base64; `{}` is a heartbeat. */
export const MonitorFrameSchema = v.strictObject({
  Data: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]+={0,2}$/, "not base64"))),
});
export type WireMonitorFrame = v.InferOutput<typeof MonitorFrameSchema>;

/** @param lines with their line ends. */
export function writeMonitorFrame(lines: string): string {
  const frame: WireMonitorFrame = { Data: Buffer.from(lines).toString("base64") };
  return JSON.stringify(frame);
}
