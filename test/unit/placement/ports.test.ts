import { describe, expect, test } from "bun:test";
import type { Group, Port } from "../../../src/job/job.ts";
import type { HostNetwork } from "../../../src/node/node.ts";
import { addressOf, assertPorts, findCollisions, isReserved, portsOf } from "../../../src/placement/ports.ts";
import { capacity } from "../../helpers/capacity.ts";

const port = (label: string, fixed = 0, host_network = "default"): Port => ({
  label,
  static: fixed,
  to: 0,
  host_network,
});
const group = (ports: readonly Port[], taskPorts: readonly Port[] = []) =>
  ({ networks: [{ ports }], tasks: [{ resources: { networks: [{ ports: taskPorts }] } }] }) as unknown as Group;
const range = (first: number, last = first) => ({ first, last });
const network = (name: string, address: string | null, reservedPorts: HostNetwork["reservedPorts"] = []) => ({
  name,
  address,
  interface: "eth0",
  missing: "no IPv4 address in 192.0.2.0/24",
  reservedPorts,
});
const HOST = capacity({
  reservedPorts: [range(22), range(8500, 8600)],
  hostNetworks: [
    network("default", ""),
    network("public", "192.0.2.7", [range(443)]),
    network("private", "10.0.0.7"),
    network("absent", null),
  ],
});

test("the ports of a group are those of its networks and then of its tasks", () => {
  expect(portsOf(group([port("a")], [port("b")])).map(({ label }) => label)).toEqual(["a", "b"]);
});

test.each([
  ["192.0.2.7", 22, true],
  ["10.0.0.7", 8550, true],
  ["192.0.2.7", 443, true],
  ["10.0.0.7", 443, false],
  // Every address is the public one too.
  ["", 443, true],
  ["", 80, false],
])("on address %p port %d is reserved: %p", (address, number, expected) => {
  expect(isReserved(HOST, address, number)).toBe(expected);
});

describe("a port is bound to", () => {
  test("the address of its network", () => {
    expect(addressOf(port("a"), HOST)).toBe("");
    expect(addressOf(port("a", 0, "public"), HOST)).toBe("192.0.2.7");
  });

  test.each([
    ["publc", 'port "a": this host has no host_network "publc"; it has default, public, private, absent'],
    ["absent", 'port "a": host_network "absent" has no IPv4 address in 192.0.2.0/24 of this host'],
  ])("nothing for host_network %p", (name, message) => {
    expect(() => addressOf(port("a", 0, name), HOST)).toThrow(
      expect.objectContaining({ code: "unplaceable", message }),
    );
  });
});

test("a static port that is reserved is refused", () => {
  const text = 'port 8510 (label "a") is reserved on this host';
  expect(() => assertPorts(group([port("a", 8510)]), HOST)).toThrow(text);
  expect(() => assertPorts(group([port("a", 443)]), HOST)).toThrow("reserved");
  assertPorts(group([port("a"), port("b", 443, "private")]), HOST);
});

describe("static ports collide", () => {
  const held = [
    { address: "", port: 80, holder: 'allocation 12345678 of job "web"' },
    { address: "10.0.0.7", port: 5432, holder: "db" },
  ];
  const cases: readonly (readonly [string, readonly Port[], readonly string[]])[] = [
    ["on every address", [port("w", 80)], ["w=80"]],
    ["where one is on every address", [port("w", 80, "public")], ["w=80"]],
    ["where the other is on every address", [port("d", 5432)], ["d=5432"]],
    ["on one address", [port("d", 5432, "private")], ["d=5432"]],
    ["not on two addresses", [port("d", 5432, "public")], []],
    ["not when they are left to the agent", [port("w")], []],
    ["within a group", [port("a", 90), port("b", 90, "public")], ["b=90"]],
    ["not within a group on two addresses", [port("a", 90, "private"), port("b", 90, "public")], []],
  ];
  for (const [what, ports, expected] of cases) {
    test(what, () => {
      expect(findCollisions(group(ports), HOST, held).map(({ dimension }) => dimension)).toEqual(
        expected.map((name) => `network: reserved port collision ${name}`),
      );
    });
  }

  test("with who holds them, and for ever when the group itself does", () => {
    const [other] = findCollisions(group([port("w", 80, "public")]), HOST, held);
    expect(other).toMatchObject({
      never: false,
      text: 'port 80 of 192.0.2.7 (label "w") is held by allocation 12345678 of job "web"',
    });
    const [own] = findCollisions(group([port("a", 90), port("b", 90)]), HOST, []);
    expect(own).toMatchObject({ never: true, text: 'port 90 (label "b") is held by label "a" of the same group' });
  });
});
