import { describe, expect, test } from "bun:test";
import type { ResourceConfig } from "../../../src/config/resources.ts";
import { describeCapacity, listAddresses, overrideAttributes } from "../../../src/node/capacity.ts";
import { NO_RESOURCES } from "../../helpers/capacity.ts";

const ATTRIBUTES = {
  "cpu.numcores": "4",
  "cpu.totalcompute": "8000",
  "memory.totalbytes": String(4096 * (1 << 20) + 5),
  "unique.storage.bytesfree": String(1000 * (1 << 20)),
};
const ADDRESSES = [
  { interface: "lo", address: "127.0.0.1" },
  { interface: "eth0", address: "192.0.2.7" },
  { interface: "eth1", address: "10.1.2.3" },
  { interface: "eth1", address: "10.9.2.3" },
];
const config = (change: Partial<ResourceConfig>): ResourceConfig => ({ ...NO_RESOURCES, ...change });
const reserving = (change: Partial<ResourceConfig["reserved"]>) =>
  config({ reserved: { ...NO_RESOURCES.reserved, ...change } });
const network = (where: { readonly cidr?: string; readonly interface?: string }) =>
  config({ hostNetworks: [{ name: "n", cidr: where.cidr, interface: where.interface, reservedPorts: [] }] });

describe("the capacity of a host", () => {
  test("is what was found, in MHz and MiB", () => {
    const { total, reserved } = describeCapacity(ATTRIBUTES, NO_RESOURCES, ADDRESSES);
    expect(total).toEqual({ cpu: 8000, cores: 4, memory: 4096, disk: 1000 });
    expect(reserved).toEqual({ cpu: 0, cores: 0, memory: 0, disk: 0 });
  });

  test("is nothing where nothing was found, and not what is no number", () => {
    const { total } = describeCapacity({ "cpu.numcores": "many", "memory.totalbytes": "-1" }, NO_RESOURCES, []);
    expect(total).toEqual({ cpu: 0, cores: 0, memory: 0, disk: 0 });
  });

  test("is what the operator says instead, in the attributes too", () => {
    const said = config({ cpuTotal: 100, memoryTotal: 200, diskTotal: 400, diskFree: 300 });
    const attributes = overrideAttributes(ATTRIBUTES, said);
    expect(attributes).toMatchObject({
      "cpu.totalcompute": "100",
      "memory.totalbytes": String(200 << 20),
      "unique.storage.bytestotal": String(400 << 20),
    });
    expect(describeCapacity(attributes, said, []).total).toEqual({ cpu: 100, cores: 4, memory: 200, disk: 300 });
  });

  test("without reserved processors has less compute too, unless more is reserved anyway", () => {
    const cores = [{ first: 3, last: 9 }];
    const reserved = (cpu: number) => describeCapacity(ATTRIBUTES, reserving({ cores, cpu }), []).reserved;
    expect(reserved(500)).toMatchObject({ cores: 1, cpu: 2000 });
    expect(reserved(2500)).toMatchObject({ cores: 1, cpu: 2500 });
  });
});

describe("a host network", () => {
  test.each([
    [{ cidr: "192.0.2.0/24" }, "192.0.2.7", "eth0"],
    [{ cidr: "10.9.0.0/16" }, "10.9.2.3", "eth1"],
    [{ interface: "eth1" }, "10.1.2.3", "eth1"],
    [{ interface: "eth1", cidr: "10.9.0.0/16" }, "10.9.2.3", "eth1"],
    [{ cidr: "127.0.0.0/8" }, "127.0.0.1", "lo"],
    [{ cidr: "127.0.0.2/32" }, "127.0.0.2", "lo"],
    [{ interface: "eth0", cidr: "10.0.0.0/8" }, null, ""],
    [{ interface: "eth0", cidr: "127.0.0.2/32" }, null, ""],
    [{ interface: "wlan0" }, null, ""],
  ])("of %p has the address %p", (where, address, device) => {
    const found = describeCapacity(ATTRIBUTES, network(where), ADDRESSES).hostNetworks[1];
    expect(found).toMatchObject({ name: "n", address, interface: device });
  });

  test("that has no address says what was looked for", () => {
    const found = describeCapacity(ATTRIBUTES, network({ interface: "eth0", cidr: "10.0.0.0/8" }), ADDRESSES);
    expect(found.hostNetworks[1]?.missing).toBe("no IPv4 address in 10.0.0.0/8 on interface eth0");
  });

  test.each([
    ["", ""],
    ["192.0.2.7", "192.0.2.7"],
    ["127.0.0.3", "127.0.0.3"],
    ["192.0.2.8", null],
  ])("default is bound to bind_address %p: %p", (bindAddress, address) => {
    const [found] = describeCapacity(ATTRIBUTES, config({ bindAddress }), ADDRESSES).hostNetworks;
    expect(found).toMatchObject({ name: "default", address });
  });

  test("is looked for among the addresses of this host", () => {
    expect(listAddresses()).toContainEqual({ interface: "lo", address: "127.0.0.1" });
  });
});
