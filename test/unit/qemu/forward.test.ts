import { describe, expect, test } from "bun:test";
import type { AssignedPort } from "../../../src/allocation/allocation.ts";
import { AppError } from "../../../src/base/errors.ts";
import { forwardsOf } from "../../../src/qemu/forward.ts";

const port = (label: string, hostPort: number, to = 0, hostAddress = ""): AssignedPort => ({
  label,
  hostPort,
  to,
  hostAddress,
  static: false,
});
const lines = (...args: Parameters<typeof forwardsOf>): readonly string[] =>
  forwardsOf(...args).map(
    (forward) => `${forward.protocol} ${forward.hostAddress}:${forward.hostPort}-${forward.guestPort}`,
  );

describe("forwarding", () => {
  test("has both protocols for each entry of port_map, by label, udp first", () => {
    expect(lines({ web: 80, db: 3306 }, [port("web", 20002), port("db", 20001)])).toEqual([
      "udp :20001-3306",
      "tcp :20001-3306",
      "udp :20002-80",
      "tcp :20002-80",
    ]);
  });

  test("goes to a port's own `to` where port_map has no entry, and to the entry where it has", () => {
    expect(lines({ a: 80 }, [port("a", 1, 90), port("b", 2, 91), port("c", 3, -1)])).toEqual([
      "udp :1-80",
      "tcp :1-80",
      "udp :2-91",
      "tcp :2-91",
      "udp :3-3",
      "tcp :3-3",
    ]);
  });

  test("leaves out a port that names no guest port", () => {
    expect(lines({}, [port("a", 1)])).toEqual([]);
  });

  test("binds to the address asked for", () => {
    expect(lines({ a: 80 }, [port("a", 1, 0, "192.0.2.7")])).toEqual(["udp 192.0.2.7:1-80", "tcp 192.0.2.7:1-80"]);
  });

  test("has one protocol where the entry names it", () => {
    expect(lines({ a: "80/tcp", b: "53/udp" }, [port("a", 1), port("b", 2)])).toEqual(["tcp :1-80", "udp :2-53"]);
  });

  test("takes a number that interpolation made a text", () => {
    expect(lines({ a: "8080" }, [port("a", 1)])[0]).toBe("udp :1-8080");
  });

  test.each([0, 65_536, 1.5, -1, "", "80,x=y", "0x50", "1e3", " 80", "80/sctp", "80/", "0/tcp", "/tcp"])(
    "refuses the guest port %j",
    (guest) => {
      expect(() => forwardsOf({ a: guest }, [port("a", 1)])).toThrow("config.port_map.a: expected a guest port");
    },
  );

  test("refuses a label that no network has and says what was meant", () => {
    try {
      forwardsOf({ wbe: 80 }, [port("web", 1)]);
      throw new Error("not refused");
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect(error.message).toContain('unknown port label "wbe"');
      expect(error.hint).toBe('did you mean "web"?');
    }
    expect(() => forwardsOf({ a: 80 }, [])).toThrow("no network with ports");
  });

  test("is not fooled by labels that every object has", () => {
    expect(lines({}, [port("toString", 1)])).toEqual([]);
  });
});
