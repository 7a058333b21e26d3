import type { Group } from "../job/job.ts";
import type { Amounts, Capacity } from "../node/node.ts";
import type { Shortage } from "./failure.ts";

const NAMES = ["cpu", "cores", "memory", "disk"] as const satisfies readonly (keyof Amounts)[];

const UNITS: Readonly<Record<keyof Amounts, string>> = { cpu: " MHz", cores: "", memory: " MiB", disk: " MiB" };

/** An amount for people: `512 MiB`. */
export const amountText = (name: keyof Amounts, amount: number): string => `${amount}${UNITS[name]}`;

const NOTHING: Amounts = { cpu: 0, cores: 0, memory: 0, disk: 0 };

/** What one copy of a group takes; a task that asks for `cores` takes their share of the compute along, as in Nomad. */
export function amountsOf(group: Group, { total }: Pick<Capacity, "total">): Amounts {
  const perCore = total.cores === 0 ? 0 : Math.floor(total.cpu / total.cores);
  const resources = group.tasks.map((task) => task.resources);
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  return {
    cpu: sum(resources.map(({ cpu, cores }) => (cores > 0 ? cores * perCore : cpu))),
    cores: sum(resources.map(({ cores }) => cores)),
    memory: sum(resources.map(({ memory }) => memory)),
    disk: group.ephemeral_disk.size,
  };
}

/** What an allocation has until it ended. */
export interface Claim {
  /** The same for allocations of the same copy of the same group of the same job. */
  readonly place: string;
  readonly amounts: Amounts;
}

/**
 * What all claims take together. Allocations of one place never run at the same time (a new one waits until the old one has ended),
 * so that a place counts as the largest of them.
 */
export function sumClaims(claims: readonly Claim[]): Amounts {
  const byPlace = new Map<string, Amounts>();
  for (const { place, amounts } of claims) byPlace.set(place, join(byPlace.get(place) ?? NOTHING, amounts, Math.max));
  return [...byPlace.values()].reduce((all, one) => join(all, one, (a, b) => a + b), NOTHING);
}

/** What is there for machines: all that the host has without what is reserved. */
export function usableOf({ total, reserved }: Pick<Capacity, "total" | "reserved">): Amounts {
  return join(total, reserved, (all, kept) => Math.max(0, all - kept));
}

/** What of a demand does not fit beside what is used, in the order cpu, cores, memory, disk. */
export function findShortages(capacity: Capacity, used: Amounts, wanted: Amounts): Shortage[] {
  const usable = usableOf(capacity);
  return NAMES.flatMap((name): Shortage[] => {
    const need = wanted[name];
    if (need === 0 || used[name] + need <= usable[name]) return [];
    // Where nobody knows how fast the processors are, there is nothing to compare with.
    if (name === "cpu" && capacity.total.cpu === 0) return [];
    const never = need > usable[name];
    return [{ dimension: name, never, text: describe(name, need, Math.max(0, usable[name] - used[name]), capacity) }];
  });
}

function describe(name: keyof Amounts, need: number, free: number, capacity: Capacity): string {
  const [unit, usable, reserved] = [UNITS[name], usableOf(capacity)[name], capacity.reserved[name]];
  const wants = `${name}: ${need}${unit} needed`;
  if (need <= usable) return `${wants}, ${free} of ${usable}${unit} free`;
  const kept = reserved > 0 ? ` (${reserved} of ${capacity.total[name]} are reserved)` : "";
  // The one amount that somebody makes larger by removing something; the agent looks at it again and again.
  const end = name === "disk" ? ", which is what is free now" : ": it can never fit here";
  return `${wants}, this host has ${usable}${unit} for machines${kept}${end}`;
}

function join(one: Amounts, other: Amounts, combine: (a: number, b: number) => number): Amounts {
  return {
    cpu: combine(one.cpu, other.cpu),
    cores: combine(one.cores, other.cores),
    memory: combine(one.memory, other.memory),
    disk: combine(one.disk, other.disk),
  };
}
