import { isIPv6 } from "node:net";
import type { Clock } from "../../base/clock.ts";

/** How many wrong tokens of one client are told of in a while, in milliseconds. */
const MOST = 10;
const WHILE = 60_000;
/** Clients that are remembered; beyond these all count as one. */
const MOST_CLIENTS = 1_024;
const OTHERS = "others";

/** Counts requests without a good token. */
export interface Failures {
  /** @returns false when this client has had its share, and is told so and nobody else of it. */
  count(address: string): boolean;
}

/**
 * A good token is never counted here and always gets in: guests and clients behind one address would otherwise lock each other out.
 * Nobody guesses a secret; what is to be bounded is what strangers make the agent write.
 */
export function countFailures(clock: Clock): Failures {
  let since = clock.now();
  const counts = new Map<string, number>();
  return {
    count(address) {
      const now = clock.now();
      if (now - since >= WHILE || now < since) {
        since = now;
        counts.clear();
      }
      const own = clientOf(address);
      const client = counts.has(own) || counts.size < MOST_CLIENTS ? own : OTHERS;
      const count = (counts.get(client) ?? 0) + 1;
      counts.set(client, count);
      return count <= MOST;
    },
  };
}

/** Who has an IPv6 address as a rule has 2^64 of them. */
export function clientOf(address: string): string {
  if (!isIPv6(address) || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const words = head.split(":").filter((word) => word !== "");
  const behind = tail === undefined ? [] : tail.split(":").filter((word) => word !== "");
  const missing = tail === undefined ? 0 : 8 - words.length - behind.length;
  return [...words, ...Array<string>(missing).fill("0"), ...behind].slice(0, 4).join(":");
}
