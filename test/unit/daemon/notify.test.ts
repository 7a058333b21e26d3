import { expect, test } from "bun:test";
import { createLog } from "../../../src/base/log.ts";
import { findServiceManager } from "../../../src/daemon/notify.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { turn } from "../../helpers/turn.ts";

const PID = 4711;

/** A manager that takes every message but those that are `refused`, of which it counts down. */
function manager(env: Record<string, string | undefined>, refused = 0) {
  const clock = manualClock();
  const sent: string[] = [];
  const warnings: string[] = [];
  let left = refused;
  const found = findServiceManager(env, {
    clock,
    log: createLog("warn", (line) => warnings.push(line)),
    pid: PID,
    send: async (address, message) => {
      if (left-- > 0) return false;
      sent.push(`${address} ${message}`);
      return true;
    },
  });
  return { found, clock, sent, warnings };
}

test("a manager hears of readiness, states and the end in its own words", async () => {
  const { found, sent } = manager({ NOTIFY_SOCKET: "/run/systemd/notify" });
  await found.status("starting");
  await found.ready("no machine runs");
  await found.stopping("bye");
  expect(sent).toEqual([
    "/run/systemd/notify STATUS=starting",
    "/run/systemd/notify READY=1\nSTATUS=no machine runs",
    "/run/systemd/notify STOPPING=1\nSTATUS=bye",
  ]);
});

test("what the manager said of itself is no longer in the environment, for a child to speak in our name", () => {
  const env = { NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "1000000", WATCHDOG_PID: String(PID), PATH: "/bin" };
  manager(env);
  expect(Object.keys(env)).toEqual(["PATH"]);
});

for (const [pid, shown] of [
  [undefined, "a watchdog for whoever runs"],
  [String(PID), "a watchdog for this process"],
] as const) {
  test(`${shown} is told twice in its time that the agent lives, from readiness on until the end`, async () => {
    const { found, clock, sent } = manager({ NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "10000000", WATCHDOG_PID: pid });
    clock.advance(60_000);
    expect(sent).toEqual([]);
    await found.ready("");
    const alive = () => sent.filter((message) => message === "@n WATCHDOG=1").length;
    expect(alive()).toBe(1);
    clock.advance(4_999);
    expect(alive()).toBe(1);
    clock.advance(1);
    expect(alive()).toBe(2);
    clock.advance(5_000);
    expect(alive()).toBe(3);
    found.close();
    clock.advance(60_000);
    expect(alive()).toBe(3);
  });
}

for (const env of [
  { WATCHDOG_USEC: "10000000", WATCHDOG_PID: "1" },
  { WATCHDOG_USEC: "0" },
  { WATCHDOG_USEC: "soon" },
  { WATCHDOG_USEC: "" },
  {},
]) {
  test(`no watchdog is told anything by ${JSON.stringify(env)}`, async () => {
    const { found, clock, sent } = manager({ NOTIFY_SOCKET: "@n", ...env });
    await found.ready("");
    clock.advance(3_600_000);
    expect(sent).toHaveLength(1);
  });
}

test("a message is tried again while the manager has no room, and given up with a warning", async () => {
  const busy = manager({ NOTIFY_SOCKET: "@n" }, 2);
  const ready = busy.found.ready("x");
  for (let round = 0; round < 2; round++) {
    await turn();
    busy.clock.advance(50);
  }
  await ready;
  expect(busy.sent).toEqual(["@n READY=1\nSTATUS=x"]);
  expect(busy.warnings).toEqual([]);
  const deaf = manager({ NOTIFY_SOCKET: "@n" }, Number.POSITIVE_INFINITY);
  let done = false;
  const given = deaf.found.ready("x").then(() => {
    done = true;
  });
  for (let round = 0; round < 100 && !done; round++) {
    await turn();
    deaf.clock.advance(50);
  }
  await given;
  expect(deaf.warnings).toEqual([expect.stringContaining("does not take messages: address=@n")]);
});

test("without a manager, or with one whose socket is no unix socket, nothing is sent", async () => {
  for (const address of [undefined, "", "@", "/", "vsock:2:1234", "run/x"]) {
    const { found, sent, warnings } = manager({ NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000" });
    await found.ready("x");
    await found.stopping("x");
    expect({ sent, warned: warnings.length }).toEqual({ sent: [], warned: address ? 1 : 0 });
  }
});

test("the real way out says false where nobody listens, and for names that no socket can have", async () => {
  const { sendDatagram } = await import("../../../src/runtime/datagram.ts");
  for (const address of ["/nonexistent/notify", "@nobody-listens-here", `/${"x".repeat(108)}`, `@${"x".repeat(109)}`]) {
    expect(await sendDatagram(address, "READY=1")).toBe(false);
  }
});
