import type { Agent } from "../../src/agent/agent.ts";
import { type BundleLoads, bundleLoads } from "../../src/agent/bundles.ts";
import { type Images, imageUseCases } from "../../src/agent/images.ts";
import type { Allocation } from "../../src/allocation/allocation.ts";
import { createTurns, type Turns } from "../../src/artifact/turns.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { testSources } from "./sources.ts";

/** The real loading of bundles into the cache below a directory. */
export function bundlesOf(dataDir: string, trustedKeys: string | null, clock: Clock = systemClock): BundleLoads {
  return bundleLoads({
    dirs: { dataDir, runDir: dataDir },
    site: { offline: true, trustedKeys },
    cacheKeeper: { maxBytes: 0, grown: () => undefined },
    clock,
    log: silentLog,
  });
}

/** The real use cases over the cache below a directory. @param agent knows the allocations that use it. */
export function imagesOf(
  dataDir: string,
  agent: () => Pick<Agent, "allocations">,
  artifactTurns: Turns = createTurns(16),
): Images {
  const allocation = (id: string): Allocation | undefined => agent().allocations({ prefix: id })[0];
  const dirs = { dataDir, runDir: dataDir };
  return imageUseCases({
    dirs,
    store: { allocation },
    users: null,
    sources: testSources(dirs),
    site: { offline: false, trustedKeys: null },
    cacheKeeper: { maxBytes: 0, grown: () => undefined },
    artifactTurns,
    clock: systemClock,
    log: silentLog,
  });
}
