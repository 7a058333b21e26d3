import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AssignedPort } from "../allocation/allocation.ts";
import { AppError, errnoOf } from "../base/errors.ts";
import type { Group, Port } from "../job/job.ts";

/** Nomad's range for ports that the job leaves to the agent (client `min_dynamic_port`, `max_dynamic_port`). */
export const DYNAMIC_PORTS = { first: 20_000, last: 32_000 } as const;

/** Every port that a group and its tasks ask for, in the order of the job file. */
export function portsOf(group: Group): readonly Port[] {
  const networks = [...group.networks, ...group.tasks.flatMap((task) => task.resources.networks)];
  return networks.flatMap((network) => network.ports);
}

/**
 * Gives an allocation its host ports: the static ones as asked for, the others from the dynamic range.
 * @param taken ports that other live allocations hold, with the holder's name.
 * @throws AppError `conflict` when a static port is another allocation's or no dynamic port is left.
 */
export async function assignPorts(group: Group, taken: ReadonlyMap<number, string>): Promise<AssignedPort[]> {
  const assigned: AssignedPort[] = [];
  const used = new Set(taken.keys());
  for (const port of portsOf(group)) {
    const holder = taken.get(port.static);
    if (port.static > 0 && holder !== undefined) {
      throw new AppError("conflict", `port ${port.static} (label "${port.label}") is held by ${holder}`, {
        hint: "stop that allocation, or ask for another static port",
      });
    }
    const hostPort = port.static > 0 ? port.static : await pickDynamic(port.label, used);
    used.add(hostPort);
    assigned.push({
      label: port.label,
      hostPort,
      to: port.to === -1 ? hostPort : port.to,
      hostAddress: "",
      static: port.static > 0,
    });
  }
  return assigned;
}

async function pickDynamic(label: string, used: ReadonlySet<number>): Promise<number> {
  const size = DYNAMIC_PORTS.last - DYNAMIC_PORTS.first + 1;
  const offset = randomInt(size);
  for (let step = 0; step < size; step++) {
    const port = DYNAMIC_PORTS.first + ((offset + step) % size);
    if (used.has(port)) continue;
    if ((await isFree("tcp", "", port)) && (await isFree("udp", "", port))) return port;
  }
  throw new AppError(
    "conflict",
    `no free port is left for label "${label}" between ${DYNAMIC_PORTS.first} and ${DYNAMIC_PORTS.last}`,
  );
}

/**
 * Whether a port can be bound now.
 * @param address "" for every address of the host.
 * @throws AppError `conflict` when this user may not bind it or the host has no such address.
 */
export async function isFree(protocol: "tcp" | "udp", address: string, port: number): Promise<boolean> {
  const code = protocol === "tcp" ? await tryTcp(address, port) : await tryUdp(address, port);
  if (code === undefined) return true;
  if (code === "EADDRINUSE") return false;
  if (code === "EACCES") {
    throw new AppError("conflict", `port ${port}/${protocol} may not be opened by this user`, {
      hint: `allow it with: sysctl -w net.ipv4.ip_unprivileged_port_start=${port}`,
    });
  }
  throw new AppError("conflict", `port ${port}/${protocol} cannot be opened on ${address || "every address"}: ${code}`);
}

/** QEMU binds IPv4 unless told otherwise, so that is what is tried. */
const ANY_ADDRESS = "0.0.0.0";

function tryTcp(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(errnoOf(error) ?? "unknown error"));
    server.listen({ port, host: address || ANY_ADDRESS, exclusive: true }, () =>
      server.close(() => resolve(undefined)),
    );
  });
}

function tryUdp(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: "udp4" });
    socket.once("error", (error) => {
      socket.close();
      resolve(errnoOf(error) ?? "unknown error");
    });
    socket.bind({ port, address: address || ANY_ADDRESS, exclusive: true }, () =>
      socket.close(() => resolve(undefined)),
    );
  });
}
