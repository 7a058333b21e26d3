import * as v from "valibot";
import { LogFrameSchema } from "../../src/contract/log-frame.ts";
import { until } from "./until.ts";

/** What has come of a stream of frames so far. */
export interface Followed {
  /** All data together. */
  readonly text: string;
  /** What befell the file, in order. */
  readonly events: readonly string[];
  readonly heartbeats: number;
  readonly ended: boolean;
  waitFor(what: string, check: (followed: Followed) => boolean): Promise<void>;
  leave(): Promise<void>;
}

/** Reads a stream of frames to its end, each of which must be of the contract. */
export function followFrames(reply: Response): Followed {
  const reader = reply.body?.getReader();
  if (reader === undefined) throw new Error("the reply has no body");
  const followed = {
    text: "",
    events: [] as string[],
    heartbeats: 0,
    ended: false,
    waitFor: (what: string, check: (now: Followed) => boolean) =>
      until(what, () => check(followed)).then(() => undefined),
    leave: () => reader.cancel(),
  };
  const decoder = new TextDecoder();
  let rest = "";
  const take = (frame: string): void => {
    const { Data, FileEvent } = v.parse(LogFrameSchema, JSON.parse(frame));
    if (frame === "{}") followed.heartbeats++;
    if (FileEvent !== undefined) followed.events.push(FileEvent);
    followed.text += Buffer.from(Data ?? "", "base64").toString();
  };
  const readAll = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      rest += decoder.decode(value, { stream: true });
      // No frame of these has a brace within.
      for (let end = rest.indexOf("}"); end >= 0; end = rest.indexOf("}")) {
        take(rest.slice(0, end + 1));
        rest = rest.slice(end + 1);
      }
    }
    followed.ended = true;
  };
  readAll().catch(() => undefined);
  return followed;
}
