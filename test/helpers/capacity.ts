import type { ResourceConfig } from "../../src/config/resources.ts";
import type { Capacity } from "../../src/node/node.ts";

/** What an agent has whose configuration says nothing of resources. */
export const NO_RESOURCES: ResourceConfig = {
  cpuTotal: 0,
  memoryTotal: 0,
  diskTotal: 0,
  diskFree: 0,
  dynamicPorts: { first: 20_000, last: 32_000 },
  bindAddress: "",
  reserved: { cpu: 0, cores: [], memory: 0, disk: 0, ports: [] },
  hostNetworks: [],
};

/** A host of 8 processors and 8 GiB. */
export function capacity(change: Partial<Capacity> = {}): Capacity {
  return {
    total: { cpu: 19_200, cores: 8, memory: 8192, disk: 102_400 },
    reserved: { cpu: 0, cores: 0, memory: 0, disk: 0 },
    reservedCores: [],
    reservedPorts: [],
    dynamicPorts: { first: 20_000, last: 32_000 },
    hostNetworks: [{ name: "default", address: "", interface: "", missing: "", reservedPorts: [] }],
    ...change,
  };
}
