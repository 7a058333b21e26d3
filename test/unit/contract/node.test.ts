import { expect, test } from "bun:test";
import * as v from "valibot";
import { NodeSchema, NodeStubSchema, writeNode, writeNodeStub } from "../../../src/contract/node.ts";
import { capacity } from "../../helpers/capacity.ts";
import { NODE, RECORD_TIME } from "../../helpers/records.ts";

const facts = { version: "1.2.3", httpAddress: "127.0.0.1:4646", startedAt: RECORD_TIME };

test("a node has its resources in Nomad's units, in the new form and in the old", () => {
  const written = writeNode(NODE, facts);
  expect(v.parse(NodeSchema, written)).toEqual(written);
  expect(written.NodeResources).toMatchObject({
    Cpu: { CpuShares: 19_200, TotalCpuCores: 8 },
    Memory: { MemoryMB: 8192 },
    Disk: { DiskMB: 102_400 },
  });
  expect(written.Resources).toEqual({ CPU: 19_200, MemoryMB: 8192, DiskMB: 102_400, IOPS: 0 });
  expect(written.HTTPAddr).toBe("127.0.0.1:4646");
  expect(written.StatusUpdatedAt).toBe(RECORD_TIME / 1000);
});

test("a node tells what is reserved, where ports are picked from, and the networks that have an address", () => {
  const network = { interface: "eth0", missing: "", reservedPorts: [{ first: 443, last: 443 }] };
  const node = {
    ...NODE,
    capacity: capacity({
      reserved: { cpu: 500, cores: 2, memory: 256, disk: 1000 },
      reservedCores: [{ first: 0, last: 1 }],
      reservedPorts: [
        { first: 22, last: 22 },
        { first: 80, last: 90 },
      ],
      hostNetworks: [
        { ...network, name: "default", address: "" },
        { ...network, name: "public", address: "192.0.2.7" },
        { ...network, name: "absent", address: null },
      ],
    }),
  };
  const written = writeNode(node, facts);
  expect(v.parse(NodeSchema, written)).toEqual(written);
  expect(written.ReservedResources).toEqual({
    Cpu: { CpuShares: 500, ReservedCpuCores: [0, 1] },
    Memory: { MemoryMB: 256 },
    Disk: { DiskMB: 1000 },
    Networks: { ReservedHostPorts: "22,80-90" },
  });
  expect(written.Reserved).toEqual({ CPU: 500, MemoryMB: 256, DiskMB: 1000, IOPS: 0 });
  expect(written.NodeResources).toMatchObject({ MinDynamicPort: 20_000, MaxDynamicPort: 32_000 });
  const addresses = written.NodeResources.NodeNetworks.flatMap(({ Addresses }) => Addresses);
  expect(addresses.map(({ Alias, Address }) => `${Alias} ${Address}`)).toEqual(["default 0.0.0.0", "public 192.0.2.7"]);
  expect(addresses[1]?.ReservedPorts).toBe("443");
});

test("the driver is detected when there is an emulator and healthy when the fingerprint says so", () => {
  expect(writeNode(NODE, facts).Drivers["qemu"]).toEqual({
    Attributes: { "driver.qemu": "1", "driver.qemu.version": "7.2.22" },
    Detected: true,
    Healthy: true,
    HealthDescription: "Healthy without KVM: a guest hung under /dev/kvm",
    UpdateTime: "2026-01-01T00:00:00.000Z",
  });
  const bare = { ...NODE, qemu: { ...NODE.qemu, healthy: false, description: "no emulator on PATH", emulators: [] } };
  expect(writeNode(bare, facts).Drivers["qemu"]).toMatchObject({ Detected: false, Healthy: false });
});

test("a stub has the operating system and the resources only when asked for", () => {
  const short = writeNodeStub(NODE, facts, { os: false, resources: false });
  expect(v.parse(NodeStubSchema, short)).toEqual(short);
  expect(short).toMatchObject({ Version: "1.2.3", Address: "192.0.2.7", Status: "ready" });
  expect([short.Attributes, short.NodeResources]).toEqual([undefined, undefined]);
  const long = writeNodeStub(NODE, facts, { os: true, resources: true });
  expect(v.parse(NodeStubSchema, long)).toEqual(long);
  expect(long.Attributes).toEqual({ "os.name": "debian" });
  expect(long.NodeResources?.Memory.MemoryMB).toBe(8192);
});
