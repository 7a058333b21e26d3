import { expect, test } from "bun:test";
import * as v from "valibot";
import { MonitorFrameSchema } from "../../../../src/contract/monitor.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";
import { turn } from "../../../helpers/turn.ts";

const MONITOR = "/v1/agent/monitor";

/** Reads a reply piece by piece. */
function pieces(reply: Response) {
  const reader = reply.body?.getReader();
  if (reader === undefined) throw new Error("the reply has no body");
  const next = async (): Promise<string | undefined> => {
    const { done, value } = await reader.read();
    return done ? undefined : Buffer.from(value).toString();
  };
  return {
    next,
    /** The next lines, whatever heartbeats come between. */
    lines: async (): Promise<string[]> => {
      for (;;) {
        const { Data } = v.parse(MonitorFrameSchema, JSON.parse((await next()) ?? "null"));
        if (Data !== undefined) return Buffer.from(Data, "base64").toString().trimEnd().split("\n");
      }
    },
    cancel: () => reader.cancel(),
  };
}

test("the log comes in frames of whole lines from now on, with heartbeats, until the agent stops", async () => {
  const { send, say, clock, stopping } = testApi();
  say.warn("before");
  const reply = pieces(await send("GET", `${MONITOR}?log_level=warn`));
  expect(await reply.next()).toBe("{}");
  const first = reply.lines();
  await turn();
  say.info("too small");
  say.warn("one");
  say.named("child").error("two");
  expect((await first).map((line) => line.slice(25))).toEqual(["[WARN] paddock: one", "[ERROR] paddock.child: two"]);
  const quiet = reply.next();
  await turn();
  clock.advance(1_000);
  expect(await quiet).toBe("{}");
  const end = reply.next();
  stopping.abort();
  expect(await end).toBeUndefined();
  expect(clock.waiting).toBe(0);
});

test("a plain one is text", async () => {
  const { send, say } = testApi();
  const got = await send("GET", `${MONITOR}?plain=true`);
  expect(got.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  const reply = pieces(got);
  await reply.next();
  const next = reply.next();
  await turn();
  say.info("hello");
  expect((await next)?.slice(25)).toBe("[INFO] paddock: hello\n");
  await reply.cancel();
});

test("lines that nobody reads are left out and counted, and whoever leaves costs nothing any more", async () => {
  const { send, say, clock } = testApi();
  const reply = pieces(await send("GET", `${MONITOR}?log_level=trace`));
  await reply.next();
  const first = reply.lines();
  await turn();
  for (let count = 0; count < 2_000; count++) say.trace(`line ${count}`);
  const lines = await first;
  expect(lines).toHaveLength(513);
  expect(lines.at(-1)).toEndWith("lines were left out because nobody read them: count=1488");
  let made = 0;
  const waiting = reply.lines().catch(() => undefined);
  await turn();
  await reply.cancel();
  await waiting;
  say.trace("nobody's", {
    get costly() {
      made++;
      return 1;
    },
  });
  expect([made, clock.waiting]).toEqual([0, 0]);
});

test("what is no level is refused", async () => {
  const { status, lines } = await refusalOf(await testApi().send("GET", `${MONITOR}?log_level=loud`));
  expect([status, lines[0]]).toEqual([400, "query parameter log_level: expected trace, debug, info, warn or error"]);
  expect((await testApi().send("HEAD", MONITOR)).status).toBe(200);
});
