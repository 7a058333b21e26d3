import { isIPv4, isIPv6 } from "node:net";
import { type Datum, list, text } from "../cty/datum.ts";
import { STRING } from "../cty/type.ts";
import { integerAt, numberParameter, textAt, textParameter, wholeAt } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Functions of IP addresses and their blocks. */
export const ADDRESS_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  cidrhost: { parameters: [textParameter("prefix"), numberParameter("hostnum")], run: host },
  cidrnetmask: { parameters: [textParameter("prefix")], run: (args) => text(netmask(readBlock(args))) },
  cidrsubnet: {
    parameters: [textParameter("prefix"), numberParameter("newbits"), numberParameter("netnum")],
    run: subnet,
  },
  cidrsubnets: { parameters: [textParameter("prefix")], rest: numberParameter("newbits"), run: subnets },
};

/** A block of addresses: the first one as a number, how many bits all of them have in common, and how many an address has. */
interface Block {
  readonly base: bigint;
  readonly prefix: number;
  readonly bits: 32 | 128;
}

function readBlock(args: readonly Datum[]): Block {
  const [, address = "", length = ""] = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(textAt(args, 0)) ?? [];
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : undefined;
  const prefix = Number(length);
  if (bits === undefined || prefix > bits) throw new CallProblem("expected a block of addresses such as 10.0.0.0/8", 0);
  const free = BigInt(bits - prefix);
  return { base: (parseAddress(address, bits) >> free) << free, prefix, bits };
}

function parseAddress(address: string, bits: 32 | 128): bigint {
  if (bits === 32) return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const low = dotted === null ? 0n : parseAddress(dotted[2] ?? "", 32);
  const spelled =
    dotted === null ? address : `${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`;
  const [front = "", back] = spelled.split("::");
  const before = front === "" ? [] : front.split(":");
  const after = back === undefined || back === "" ? [] : back.split(":");
  const zeros = Array.from({ length: back === undefined ? 0 : 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].reduce((sum, part) => sum * 65536n + BigInt(`0x${part}`), 0n);
}

function formatAddress(value: bigint, bits: 32 | 128): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join(".");
  if (value >> 32n === 0xffffn) return formatAddress(value & 0xffffffffn, 32);
  const words = Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16));
  const runs = [...words.join(":").matchAll(/\b0(?::0)+\b/g)].map(([run]) => run);
  const longest = runs.toSorted((a, b) => b.length - a.length)[0];
  const joined = words.join(":");
  if (longest === undefined) return joined;
  const at = joined.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`));
  return `${joined.slice(0, at).replace(/:$/, "")}::${joined.slice(at + longest.length).replace(/^:/, "")}`;
}

function formatBlock({ base, prefix, bits }: Block): string {
  return `${formatAddress(base, bits)}/${prefix}`;
}

function netmask({ prefix, bits }: Block): string {
  return formatAddress(((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix), bits);
}

/** Counts from the end of the block when the number is negative. */
function host(args: readonly Datum[]): Datum {
  const number = wholeAt(args, 1);
  const { base, prefix, bits } = readBlock(args);
  const last = (1n << BigInt(bits - prefix)) - 1n;
  const position = number < 0n ? last + 1n + number : number;
  if (position < 0n || position > last) throw new CallProblem(`a block of /${prefix} has no such address`, 1);
  return text(formatAddress(base | position, bits));
}

/** As many bits as a prefix may be extended by at once, in Nomad. */
const MOST_BITS = 32;

function subnet(args: readonly Datum[]): Datum {
  const [more, number] = [integerAt(args, 1), wholeAt(args, 2)];
  const { base, prefix, bits } = readBlock(args);
  if (more < 0 || more > MOST_BITS) throw new CallProblem(`expected a number from 0 to ${MOST_BITS}`, 1);
  const longer = prefix + more;
  if (longer > bits) throw new CallProblem(`a prefix of ${prefix} cannot be extended by ${more} bits`, 1);
  if (number < 0n || number >> BigInt(more) !== 0n) throw new CallProblem(`${more} bits have no such number`, 2);
  return text(formatBlock({ base: base | (number << BigInt(bits - longer)), prefix: longer, bits }));
}

/** One behind the other, each where its size lets it begin. */
function subnets(args: readonly Datum[]): Datum {
  const { base, prefix, bits } = readBlock(args);
  const end = base + (1n << BigInt(bits - prefix));
  let next = base;
  const found = args.slice(1).map((_, at) => {
    const more = integerAt(args, at + 1);
    if (more < 1 || more > MOST_BITS) throw new CallProblem(`expected a number from 1 to ${MOST_BITS}`, at + 1);
    const longer = prefix + more;
    if (longer > bits) throw new CallProblem(`a prefix of ${prefix} cannot be extended by ${more} bits`, at + 1);
    const size = 1n << BigInt(bits - longer);
    const start = ((next + size - 1n) / size) * size;
    if (start + size > end) throw new CallProblem("there is no room left in the block", at + 1);
    next = start + size;
    return text(formatBlock({ base: start, prefix: longer, bits }));
  });
  return list(STRING, found);
}
