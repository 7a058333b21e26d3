import type { PlanContext } from "../agent/plan/finding.ts";
import { settleSources } from "../artifact/source/rules.ts";
import { newId } from "../base/ids.ts";
import { silentLog } from "../base/log.ts";
import { readHierarchySource } from "../cgroup/groups.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { readConfiguration } from "../config/effective.ts";
import { readAgentArguments } from "../daemon/arguments.ts";
import { describeHierarchy } from "../daemon/control-groups.ts";
import { findMachineUsers } from "../daemon/machine-users.ts";
import { nodeConfigOf } from "../daemon/node-facts.ts";
import { askCapabilities, type Capabilities } from "../node/capabilities.ts";
import { composeNode, type FoundHost, findHost } from "../node/fingerprint.ts";
import { probeKvm } from "../node/kvm.ts";
import type { Node } from "../node/node.ts";
import { kvmForUsers } from "../node/user-pool.ts";
import type { UserPool } from "../node/users.ts";
import { apiSocket } from "../paths.ts";
import { IN_MEMORY } from "../state/database.ts";
import { openStore } from "../state/store.ts";
import { readBootId } from "../supervisor/identity.ts";

/**
 * Runs `work` over this host as an agent with these flags would find it, but for what only that agent knows: jobs, machines, what they
 * take. Nothing is written.
 * @param args the agent's flags, in the form `-name=value`.
 * @param warn takes what is doubtful about the agent's configuration.
 * @throws AppError `invalid` for flags and a configuration that the agent would not take.
 */
export async function onThisHost<T>(
  args: readonly string[],
  warn: (text: string) => void,
  work: (context: PlanContext) => Promise<T>,
): Promise<T> {
  const config = readConfiguration(readAgentArguments(args), { uid: process.getuid?.() ?? 0, env: process.env }, warn);
  const store = openStore(IN_MEMORY);
  try {
    const users = await findMachineUsers(config, { store, log: silentLog });
    const { dirs, policy, site, artifact, garbage } = config;
    const facts = await findFacts(config, users?.pool ?? null);
    const sources = settleSources(artifact, process.env, dirs);
    return await work({
      ...{ store, users, dirs, policy, site, sources, garbage, node: facts.node },
      // What takes long to find is looked for when somebody waits for it.
      get nodeComplete() {
        return facts.complete();
      },
    });
  } finally {
    store.close();
  }
}

interface Facts {
  readonly node: () => Node;
  readonly complete: () => Promise<void>;
}

async function findFacts(config: AgentConfig, pool: UserPool | null): Promise<Facts> {
  const wanted = nodeConfigOf(config, pool);
  const id = newId();
  const compose = (found: FoundHost): Node => {
    const node = composeNode(wanted, id, found);
    const own = {
      ...describeHierarchy(readHierarchySource()),
      "nomad.advertise.address": `unix://${apiSocket(config.dirs)}`,
    };
    return { ...node, attributes: { ...node.attributes, ...own } };
  };
  const found = await findHost(wanted);
  let node = compose(found);
  let complete: Promise<void> | undefined;
  return {
    node: () => node,
    complete: () => {
      complete ??= findRest(found, pool).then((rest) => {
        node = compose({ ...found, ...rest });
      });
      return complete;
    },
  };
}

async function findRest(
  { emulators: { emulators } }: FoundHost,
  pool: UserPool | null,
): Promise<Pick<FoundHost, "kvm" | "capabilities">> {
  const { facts } = await probeKvm(emulators, { bootId: readBootId() });
  const { signal } = new AbortController();
  const capabilities: [string, Capabilities][] = [];
  for (const emulator of emulators) capabilities.push([emulator.name, await askCapabilities(emulator, signal)]);
  const kvm = facts.usable && pool !== null ? await kvmForUsers(pool) : facts;
  return { kvm, capabilities: new Map(capabilities) };
}
