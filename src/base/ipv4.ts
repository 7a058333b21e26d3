import { isIPv4 } from "node:net";

/** A block of IPv4 addresses. */
export interface Ipv4Block {
  /** The address as a number, its host bits cleared. */
  readonly base: number;
  /** Length of the prefix, 0 to 32. */
  readonly prefix: number;
}

/** Reads `192.0.2.0/24`. @returns undefined when it is none; host bits that are set mean nothing, as in Nomad. */
export function parseIpv4Block(text: string): Ipv4Block | undefined {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  const prefix = Number(match?.[2]);
  if (match?.[1] === undefined || !isIPv4(match[1]) || prefix > 32) return undefined;
  return { base: maskTo(toNumber(match[1]), prefix), prefix };
}

/** Whether an address lies in a block; never for what is no IPv4 address. */
export function isInBlock({ base, prefix }: Ipv4Block, address: string): boolean {
  return isIPv4(address) && maskTo(toNumber(address), prefix) === base;
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function maskTo(address: number, prefix: number): number {
  const size = 2 ** (32 - prefix);
  return Math.floor(address / size) * size;
}
