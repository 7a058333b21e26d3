import { expect, test } from "bun:test";
import { createDoor } from "../../../../src/api/access/door.ts";
import { createLog } from "../../../../src/base/log.ts";
import { createChangeSignal } from "../../../../src/events/bus.ts";
import type { SocketHandler } from "../../../../src/runtime/serve.ts";
import { manualClock } from "../../../helpers/manual-clock.ts";
import { fakeTokens } from "../../../helpers/token-book.ts";

/** A door that one request at a time may pass. */
function bed(handle: Parameters<typeof createDoor>[1]) {
  const clock = manualClock();
  const tokens = fakeTokens(createChangeSignal(1), clock);
  const { token, secret } = tokens.create({ role: "read", name: "", ttlMillis: 60_000 });
  const door = createDoor({ tokens, clock, log: createLog("error", () => undefined), maxPerClient: 1 }, handle);
  const sockets: SocketHandler[] = [];
  const remote = {
    upgrade: (handler: SocketHandler) => sockets.push(handler) > 0,
    patience: () => undefined,
  };
  const ask = (address = "192.0.2.1") =>
    door(new Request("http://x/", { headers: { "x-nomad-token": secret } }), { ...remote, address });
  return { ask, sockets, clock, revoke: () => tokens.revoke(token.accessor) };
}

test("a reply without a body ends a visit, and nothing waits for the token's end any more", async () => {
  const { ask, clock } = bed(async () => new Response(null));
  for (let at = 0; at < 3; at++) expect((await ask()).status).toBe(200);
  expect(clock.waiting).toBe(0);
});

test("a fault ends a visit", async () => {
  const { ask, clock } = bed(async () => {
    throw new Error("a fault");
  });
  for (let at = 0; at < 3; at++) await expect(ask()).rejects.toThrow("a fault");
  expect(clock.waiting).toBe(0);
});

test("a WebSocket is a visit until it is closed, and is closed at once where its token went while it opened", async () => {
  const { ask, sockets, clock, revoke } = bed(async (_, { upgrade }) => {
    upgrade?.({ open: () => undefined, message: () => undefined, drained: () => undefined, closed: () => undefined });
    return new Response(null);
  });
  await ask();
  expect((await ask()).status).toBe(429);
  sockets[0]?.closed();
  expect(clock.waiting).toBe(0);
  await ask();
  revoke();
  const closed: number[] = [];
  sockets[1]?.open({ send: () => undefined, waiting: () => 0, close: (code) => void closed.push(code ?? 0) });
  expect(closed).toEqual([1008]);
});

test("visits of all addresses of an IPv6 network are one client's", async () => {
  const { ask } = bed(async () => new Response("waits to be read"));
  const statuses = [];
  for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]) statuses.push((await ask(address)).status);
  expect(statuses).toEqual([200, 429, 200]);
});
