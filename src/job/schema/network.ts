import { attribute, block, converted, ignored, label, refused, single, sortedBlocks } from "../../hcl/describe.ts";
import { integer, list, text } from "../../hcl/leaf.ts";
import type { Port } from "../job.ts";
import { integerAs, textAs } from "./without-effect.ts";

const PORTS_HINT = 'write port "label" { static = 8080 } or port "label" { to = 80 }';

const ANY_ADDRESS = "has no effect: a port binds to every address of the host, or to that of its host_network";
const OLD_FORM = "is a form of old job files that no Nomad reads any more";

const portBlock = converted(
  block({
    label: label({ json: "Label" }),
    static: attribute(integer({ min: 0, max: 65535 }), { json: "Value", default: 0 }),
    to: attribute(integer({ min: -1, max: 65535 }), { json: "To", default: 0 }),
    host_network: attribute(text(), { json: "HostNetwork", default: "" }),
    ignore_collision: ignored("has no effect: two machines cannot hold one port of the host", {
      json: "IgnoreCollision",
      encoded: false,
    }),
  }),
  {
    read: (raw): Port => ({ ...raw, host_network: raw.host_network || "default" }),
    write: (port) => port,
  },
);

const dnsBlock = block({
  servers: attribute(list(text()), { json: "Servers", default: [] }),
  searches: attribute(list(text()), { json: "Searches", default: [] }),
  options: attribute(list(text()), { json: "Options", default: [] }),
});

/** `network { … }` of a group, and the older form in a task's `resources`. Ports of the job's choosing come first, as in JSON. */
export const networkBlock = block({
  mode: attribute(text(), { json: "Mode", default: "" }),
  hostname: attribute(text(), { json: "Hostname", default: "" }),
  dns: single(dnsBlock, { json: "DNS" }),
  ports: sortedBlocks(portBlock, {
    name: "port",
    json: ["ReservedPorts", "DynamicPorts"],
    place: (port) => (port.static > 0 ? "ReservedPorts" : "DynamicPorts"),
  }),
  device: ignored(ANY_ADDRESS, { json: "Device", encoded: "", as: textAs("Device") }),
  cidr: ignored(ANY_ADDRESS, { json: "CIDR", encoded: "", as: textAs("CIDR") }),
  ip: ignored(ANY_ADDRESS, { json: "IP", encoded: "", as: textAs("IP") }),
  mbits: ignored("has no effect: bandwidth is not limited", {
    json: "MBits",
    neutral: 10,
    encoded: 0,
    as: integerAs("MBits"),
  }),
  cni: refused("is not supported: a machine has QEMU's user networking, not a network of CNI", {
    json: "CNI",
    hint: PORTS_HINT,
  }),
  reserved_ports: refused(OLD_FORM, { hint: PORTS_HINT }),
  dynamic_ports: refused(OLD_FORM, { hint: PORTS_HINT }),
});
