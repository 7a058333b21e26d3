import * as v from "valibot";
import { parseRanges } from "../base/ranges.ts";
import { attribute, block, blocks, label, sameNames, single } from "../hcl/describe.ts";
import { integer, text } from "../hcl/leaf.ts";

/** Highest number of a port. */
const MAX_PORT = 65_535;
/** Linux numbers no more processors than these (NR_CPUS). */
const MAX_CORE = 8191;

/** Text that is a list of numbers and ranges, as `parseRanges` reads it. */
const ranges = (expected: string, least: number, most: number) =>
  text(
    v.pipe(
      v.string(expected),
      v.check((value) => parseRanges(value, least, most) !== undefined, expected),
    ),
  );
const portRanges = ranges('ports from 1 to 65535, such as "22,80,8500-8600"', 1, MAX_PORT);
const coreRanges = ranges('numbers of processors, such as "0,2-3"', 0, MAX_CORE);

// IFNAMSIZ of Linux is 16 with the NUL.
const INTERFACE = "the name of a network interface";
const interfaceName = text(v.pipe(v.string(INTERFACE), v.regex(/^[^\s/\u0000-\u001f\u007f]{1,15}$/, INTERFACE)));
const amount = integer({ min: 0 });
const port = integer({ min: 1, max: MAX_PORT });

const reservedBlock = block(
  sameNames({
    cpu: attribute(amount, { default: 0 }),
    cores: attribute(coreRanges, { default: "" }),
    memory: attribute(amount, { default: 0 }),
    disk: attribute(amount, { default: 0 }),
    reserved_ports: attribute(portRanges, { default: "" }),
  }),
);

const hostNetworkBlock = block(
  sameNames({
    name: label(),
    cidr: attribute(text()),
    interface: attribute(interfaceName),
    reserved_ports: attribute(portRanges, { default: "" }),
  }),
);

/** What `client { … }` says of what this host has and keeps for itself; the names are Nomad's but for `bind_address`. */
export const resourceFields = {
  cpu_total_compute: attribute(amount, { default: 0 }),
  memory_total_mb: attribute(amount, { default: 0 }),
  disk_total_mb: attribute(amount, { default: 0 }),
  disk_free_mb: attribute(amount, { default: 0 }),
  min_dynamic_port: attribute(port, { default: 20_000 }),
  max_dynamic_port: attribute(port, { default: 32_000 }),
  bind_address: attribute(text()),
  reserved: single(reservedBlock),
  host_networks: blocks(hostNetworkBlock, { name: "host_network" }),
};
