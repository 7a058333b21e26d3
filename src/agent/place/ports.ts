import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { AssignedPort } from "../../allocation/allocation.ts";
import { AppError, errnoOf } from "../../base/errors.ts";
import { EVERY_ADDRESS } from "../../base/every-address.ts";
import type { Group } from "../../job/job.ts";
import type { Capacity } from "../../node/node.ts";
import type { Shortage } from "../../placement/failure.ts";
import {
  addressOf,
  findCollisions,
  type HeldPort,
  isReserved,
  noDynamicPort,
  portsOf,
  sameAddress,
} from "../../placement/ports.ts";

/** The ports of an allocation, or why there are none. */
export interface GivenPorts {
  readonly ports: readonly AssignedPort[];
  readonly shortages: readonly Shortage[];
}

/**
 * Gives an allocation its host ports: the static ones as asked for, the others from the dynamic range, each free on its address now.
 * @param held ports that other live allocations have.
 * @param least finds out the first port that machines may open.
 * @throws AppError `unplaceable` for a host network that is not known, `conflict` for an address that the host does not have.
 */
export async function assignPorts(
  group: Group,
  capacity: Capacity,
  held: readonly HeldPort[],
  least: () => number = () => 1,
): Promise<GivenPorts> {
  const shortages = findCollisions(group, capacity, held);
  if (shortages.length > 0) return { ports: [], shortages };
  const wanted = portsOf(group).map((port) => ({ port, address: addressOf(port, capacity) }));
  const statics = wanted.flatMap(({ port, address }) =>
    port.static > 0 ? [{ address, port: port.static, holder: port.label }] : [],
  );
  const used = [...held, ...statics];
  const ports: AssignedPort[] = [];
  for (const { port, address } of wanted) {
    const hostPort = port.static > 0 ? port.static : await pickDynamic(address, capacity, used, least());
    if (hostPort === undefined) return { ports: [], shortages: [noDynamicPort(port, capacity)] };
    used.push({ address, port: hostPort, holder: port.label });
    ports.push({
      label: port.label,
      hostPort,
      to: port.to === -1 ? hostPort : port.to,
      hostAddress: address,
      static: port.static > 0,
    });
  }
  return { ports, shortages: [] };
}

async function pickDynamic(
  address: string,
  capacity: Capacity,
  used: readonly HeldPort[],
  least: number,
): Promise<number | undefined> {
  const { first, last } = capacity.dynamicPorts;
  const taken = new Set(used.flatMap((one) => (sameAddress(one.address, address) ? [one.port] : [])));
  const size = last - first + 1;
  const offset = randomInt(size);
  for (let step = 0; step < size; step++) {
    const port = first + ((offset + step) % size);
    if (port < least || taken.has(port) || isReserved(capacity, address, port)) continue;
    if ((await isPickable("tcp", address, port)) && (await isPickable("udp", address, port))) return port;
  }
  return undefined;
}

/** As `isFree`; a port that this user may not open is one of many, and another is picked. */
async function isPickable(protocol: "tcp" | "udp", address: string, port: number): Promise<boolean> {
  return (await tryPort(protocol, address, port)) !== "EACCES" && (await isFree(protocol, address, port));
}

/**
 * Whether a port can be bound now.
 * @param address "" for every address of the host.
 * @throws AppError `conflict` when this user may not bind it or the host has no such address.
 */
export async function isFree(protocol: "tcp" | "udp", address: string, port: number): Promise<boolean> {
  const code = await tryPort(protocol, address, port);
  if (code === undefined) return true;
  if (code === "EADDRINUSE") return false;
  if (code === "EACCES") {
    throw new AppError("conflict", `port ${port}/${protocol} may not be opened by this user`, {
      hint: `allow it with: sysctl -w net.ipv4.ip_unprivileged_port_start=${port}`,
    });
  }
  throw new AppError("conflict", `port ${port}/${protocol} cannot be opened on ${address || "every address"}: ${code}`);
}

function tryPort(protocol: "tcp" | "udp", address: string, port: number): Promise<string | undefined> {
  return protocol === "tcp" ? tryTcp(address, port) : tryUdp(address, port);
}

// QEMU binds IPv4 unless told otherwise, so that is what is tried.

function tryTcp(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(errnoOf(error) ?? "unknown error"));
    server.listen({ port, host: address || EVERY_ADDRESS, exclusive: true }, () =>
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
    socket.bind({ port, address: address || EVERY_ADDRESS, exclusive: true }, () =>
      socket.close(() => resolve(undefined)),
    );
  });
}
