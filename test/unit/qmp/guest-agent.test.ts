import { describe, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import { type GuestAgentAnswer, shutdownByGuestAgent } from "../../../src/qmp/guest-agent.ts";
import {
  type AgentRequest,
  type GuestBehaviour,
  type Say,
  startFakeGuestAgent,
  WELL_BEHAVED,
} from "../../helpers/fake-qga.ts";
import { tempDir } from "../../helpers/temp.ts";

interface Asked {
  readonly answer: GuestAgentAnswer;
  readonly received: readonly AgentRequest[];
}

async function ask(behaviour: GuestBehaviour, deadlineMillis = 5_000, signal?: AbortSignal): Promise<Asked> {
  await using dir = tempDir();
  const path = dir.file("qa.sock");
  await using fake = await startFakeGuestAgent(path, behaviour);
  const answer = await shutdownByGuestAgent(path, { deadlineMillis, log: silentLog, signal });
  return { answer, received: fake.received };
}

/** Answers the sign of life, and what comes behind it by `then`. */
function alive(then: (request: AgentRequest, say: Say) => void): GuestBehaviour {
  return {
    onRequest: (request, say) => {
      if (request.execute === "guest-sync-delimited") WELL_BEHAVED.onRequest?.(request, say);
      else then(request, say);
    },
  };
}

describe("an agent in a guest", () => {
  test("is asked for a sign of life, told to power off, and asked whether it took that on", async () => {
    const { answer, received } = await ask(WELL_BEHAVED);
    expect(answer).toEqual({ words: "accepted", accepted: true });
    expect(received.map(({ execute, delimited }) => `${delimited ? "FF " : ""}${execute}`)).toEqual([
      "FF guest-sync-delimited",
      "guest-shutdown",
      "guest-sync",
    ]);
    expect(received[1]?.arguments).toEqual({ mode: "powerdown" });
    const ids = [received[0], received[2]].map((request) => request?.arguments?.id);
    expect(new Set(ids).size).toBe(2);
  });

  test("that refuses is quoted, cut and without control characters", async () => {
    const desc = `guest-shutdown has been disabled\u001b[2J${"x".repeat(500)}`;
    const { answer } = await ask(
      alive(({ execute }, say) => execute === "guest-shutdown" && say.line({ error: { desc } })),
    );
    expect(answer.accepted).toBe(false);
    expect(answer.words).toStartWith("refused: guest-shutdown has been disabled\\x1b[2J");
    expect(answer.words.length).toBeLessThan(250);
  });

  test("that goes down at once has accepted", async () => {
    const { answer } = await ask(alive((_, say) => say.close()));
    expect(answer).toEqual({ words: "accepted; its channel closed then", accepted: true });
  });

  test("that says nothing more once it was told has not accepted for certain", async () => {
    const { answer } = await ask(
      alive(() => undefined),
      100,
    );
    expect(answer).toEqual({ words: "was told to shut down and said nothing more", accepted: false });
  });

  test("is heard whatever an earlier talk has left in the channel", async () => {
    const { answer } = await ask({
      ...WELL_BEHAVED,
      onConnect: (say) => say.bytes('{"return": 17}\n{"error": {"desc": "old"}}\n{"return": {"half'),
    });
    expect(answer.accepted).toBe(true);
  });
});

describe("a hostile guest", () => {
  const cases: [string, GuestBehaviour, string][] = [
    ["that never answers", {}, "no answer in time"],
    [
      "that answers with another id",
      { onRequest: ({ arguments: args }, say) => say.line({ return: (args?.id ?? 0) + 1 }) },
      "no answer in time",
    ],
    [
      "that answers with the id as text",
      { onRequest: ({ arguments: args }, say) => say.line({ return: String(args?.id) }) },
      "no answer in time",
    ],
    [
      "that sends garbage",
      { onRequest: (_, say) => say.bytes("\u0000{]\n[[[[\n\u00ff\n{}\nnull\n") },
      "no answer in time",
    ],
    [
      "that answers the sign of life with errors",
      { onRequest: (_, say) => say.line({ error: { desc: "no" } }) },
      "no answer in time",
    ],
    ["that closes at once", { onConnect: (say) => say.close() }, "its channel closed before it answered"],
    ["that closes when it is asked", { onRequest: (_, say) => say.close() }, "its channel closed before it answered"],
    ["that sends a line without an end", { onRequest: (_, say) => say.bytes("x".repeat(100_000)) }, "flood"],
    ["that sends lines without an end", { onRequest: (_, say) => say.bytes("{}\n".repeat(50_000)) }, "flood"],
    [
      "that sends nothing but sentinels",
      { onRequest: (_, say) => say.bytes(new Uint8Array(100_000).fill(0xff)) },
      "flood",
    ],
  ];
  for (const [what, behaviour, words] of cases) {
    test(`${what} is not told to shut down, and does not hold up a stop`, async () => {
      const { answer, received } = await ask(behaviour, 150);
      expect(answer.accepted).toBe(false);
      expect(answer.words).toContain(words);
      expect(received.map(({ execute }) => execute)).not.toContain("guest-shutdown");
    });
  }

  test("that floods its channel once it was told has not accepted", async () => {
    const { answer } = await ask(alive((_, say) => say.bytes("y".repeat(100_000))));
    expect(answer).toEqual({ words: "its channel brings no answer but a flood of other bytes", accepted: false });
  });
});

test("a channel that is not there is told by its error", async () => {
  await using dir = tempDir();
  const answer = await shutdownByGuestAgent(dir.file("none.sock"), { deadlineMillis: 5_000, log: silentLog });
  expect(answer).toEqual({ words: "its channel cannot be reached: ENOENT", accepted: false });
});

test("waiting ends when the machine is gone meanwhile", async () => {
  const gone = new AbortController();
  const { answer } = await ask({ onRequest: () => gone.abort() }, 60_000, gone.signal);
  expect(answer.accepted).toBe(false);
});
