import { describe, expect, test } from "bun:test";
import { completeConfig } from "../../../src/config/agent-config.ts";
import { loadAgentConfig } from "../../../src/config/load.ts";

const DEFAULTS = { dataDir: "/var/lib/paddock", runDir: "/run/paddock" };

const messagesOf = (client: string) =>
  loadAgentConfig("paddock.hcl", `client {\n${client}\n}`).diagnostics.map(({ message, hint }) =>
    [message, hint].filter((part) => part !== undefined).join(" | "),
  );

const HCL = `client {
  cpu_total_compute = 4000
  memory_total_mb   = 2048
  disk_total_mb     = 9000
  disk_free_mb      = 8000
  min_dynamic_port  = 21000
  max_dynamic_port  = 21999
  bind_address      = "192.0.2.1"
  reserved {
    cpu            = 500
    cores          = "0,2-3"
    memory         = 256
    disk           = 1000
    reserved_ports = "22, 8500-8600"
  }
  host_network "public" {
    cidr           = "203.0.113.0/24"
    reserved_ports = "443"
  }
  host_network "lan" {
    interface = "eth1"
  }
}`;

const JSON_TEXT = JSON.stringify({
  client: {
    cpu_total_compute: 4000,
    memory_total_mb: 2048,
    disk_total_mb: 9000,
    disk_free_mb: 8000,
    min_dynamic_port: 21000,
    max_dynamic_port: 21999,
    bind_address: "192.0.2.1",
    reserved: { cpu: 500, cores: "0,2-3", memory: 256, disk: 1000, reserved_ports: "22, 8500-8600" },
    host_network: [{ public: { cidr: "203.0.113.0/24", reserved_ports: "443" } }, { lan: { interface: "eth1" } }],
  },
});

test.each([
  ["HCL", HCL],
  ["JSON", JSON_TEXT],
])("the resources of the client block are read from %s", (_, text) => {
  const { config, diagnostics } = loadAgentConfig("paddock.hcl", text);
  expect(diagnostics).toEqual([]);
  if (config === undefined) throw new Error("no configuration");
  const range = (first: number, last = first) => ({ first, last });
  expect(completeConfig(config, DEFAULTS, "host1").resources).toEqual({
    cpuTotal: 4000,
    memoryTotal: 2048,
    diskTotal: 9000,
    diskFree: 8000,
    dynamicPorts: range(21_000, 21_999),
    bindAddress: "192.0.2.1",
    reserved: {
      cpu: 500,
      cores: [range(0), range(2, 3)],
      memory: 256,
      disk: 1000,
      ports: [range(22), range(8500, 8600)],
    },
    hostNetworks: [
      { name: "public", cidr: "203.0.113.0/24", interface: undefined, reservedPorts: [range(443)] },
      { name: "lan", cidr: undefined, interface: "eth1", reservedPorts: [] },
    ],
  });
});

test("0.0.0.0 is every address", () => {
  const { config } = loadAgentConfig("paddock.hcl", 'client {\n  bind_address = "0.0.0.0"\n}');
  expect(config && completeConfig(config, DEFAULTS, "host1").resources.bindAddress).toBe("");
});

const network = (name: string, body = 'interface = "lo"'): string => `host_network "${name}" {\n${body}\n}`;

describe("what is wrong with the resources of a configuration is told:", () => {
  test.each([
    [
      'reserved {\n reserved_ports = "22,ssh"\n}',
      'must be ports from 1 to 65535, such as "22,80,8500-8600", found "22,ssh"',
    ],
    ['reserved {\n reserved_ports = "0"\n}', "must be ports from 1 to 65535"],
    ['reserved {\n reserved_ports = "90-80"\n}', "must be ports from 1 to 65535"],
    ['reserved {\n cores = "all"\n}', 'cores must be numbers of processors, such as "0,2-3", found "all"'],
    ["reserved {\n memory = -1\n}", "memory must be a whole number, 0 or more, found -1"],
    ["min_dynamic_port = 300\n max_dynamic_port = 200", "max_dynamic_port must be 300 or more"],
    ["max_dynamic_port = 70000", "max_dynamic_port must be a whole number from 1 to 65535"],
    ['bind_address = "host"', 'bind_address must be an IPv4 address, found "host" | use an address of this host'],
    ['bind_address = "::1"', "QEMU forwards from IPv4 addresses only"],
    ['host_network "a" {}', 'host_network "a" needs cidr or interface'],
    [network("a", 'cidr = "10.0.0.0"'), 'cidr must be a block of IPv4 addresses, found "10.0.0.0" | write it like'],
    [network("a", 'cidr = "fd00::/8"'), "QEMU forwards from IPv4 addresses only"],
    [network("default"), 'host_network "default" is there already | set client.bind_address'],
    [network("a,b"), "must be a name of letters, digits, _, . and -"],
    [network("a", 'interface = "a/b"'), "interface must be the name of a network interface"],
    [`${network("a")}\n${network("a")}`, 'host_network "a" stands twice'],
  ])("%p", (client, message) => {
    expect(messagesOf(client).join("\n")).toContain(message);
  });
});
