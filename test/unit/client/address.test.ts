import { expect, test } from "bun:test";
import { join } from "node:path";
import { defaultSockets, formatAddress, isLoopbackOrigin, parseAddress } from "../../../src/client/address.ts";

for (const [text, address] of [
  ["unix:///run/paddock/api.sock", { kind: "unix", path: "/run/paddock/api.sock" }],
  ["UNIX:///run/a b.sock", { kind: "unix", path: "/run/a b.sock" }],
  ["/run/paddock/api.sock", { kind: "unix", path: "/run/paddock/api.sock" }],
  ["./api.sock", { kind: "unix", path: join(process.cwd(), "api.sock") }],
  ["http://127.0.0.1:4646", { kind: "http", origin: "http://127.0.0.1:4646" }],
  ["https://vm1.example.org:4646", { kind: "http", origin: "https://vm1.example.org:4646" }],
  ["http://[::1]:4646/", { kind: "http", origin: "http://[::1]:4646" }],
] as const) {
  test(`${text} is an address`, () => {
    expect(parseAddress(text, "-address")).toEqual(address);
  });
}

for (const [text, message] of [
  ["", '-address: expected the address of an agent, found ""'],
  ["localhost:4646", '-address: expected the address of an agent, found "localhost:4646"'],
  ["unix://run/api.sock", '-address: expected an absolute path behind unix://, found "run/api.sock"'],
  ["https://host:4646/ui", '-address: expected https://host:port alone, found "https://host:4646/ui"'],
  ["http://host:4646/v1", '-address: expected http://host:port alone, found "http://host:4646/v1"'],
  ["http://", '-address: expected http://host:port alone, found "http://"'],
  ["ftp://host", '-address: expected the address of an agent, found "ftp://host"'],
  ["http://user:s3cret@host:4646", '-address: expected http://host:port alone, found "http://…@host:4646"'],
  ["http://host/?token=s3cret", '-address: expected http://host:port alone, found "http://host/…"'],
] as const) {
  test(`${text || "nothing"} is refused without its secrets, and the hint has the forms`, () => {
    expect(() => parseAddress(text, "-address")).toThrow(
      expect.objectContaining({ message, hint: expect.stringContaining("unix:///path/api.sock") }),
    );
  });
}

test("an address is written as one would give it", () => {
  for (const text of ["unix:///run/paddock/api.sock", "http://127.0.0.1:4646"]) {
    expect(formatAddress(parseAddress(text, ""))).toBe(text);
  }
});

test("an ordinary user's own socket comes before the system's, root has that alone", () => {
  expect(defaultSockets(1000, { XDG_RUNTIME_DIR: "/run/user/1000" })).toEqual([
    "/run/user/1000/paddock/api.sock",
    "/run/paddock/api.sock",
  ]);
  expect(defaultSockets(0, { XDG_RUNTIME_DIR: "/run/user/0" })).toEqual(["/run/paddock/api.sock"]);
});

test("what is sent to a loopback address stays on this host", () => {
  const stays = ["http://localhost:1", "http://127.0.0.9", "http://[::1]:4646", "https://LOCALHOST"];
  expect(stays.filter((origin) => !isLoopbackOrigin(origin))).toEqual([]);
  const goes = ["http://127.0.0.1.evil.example", "http://10.0.0.1", "http://localhost.evil.example", "http://[::2]"];
  expect(goes.filter(isLoopbackOrigin)).toEqual([]);
});
