import { errorText } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Log } from "../base/log.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { fingerprintNode, withKvm } from "../node/fingerprint.ts";
import { KVM_PENDING, probeKvm } from "../node/kvm.ts";
import type { KvmFacts, Node } from "../node/node.ts";
import { denyKvm } from "../node/user-pool.ts";
import type { UserPool } from "../node/users.ts";
import { type Recorder, StoreError } from "../state/recorder.ts";
import type { Store } from "../state/store.ts";

const NODE_ID = "node_id";
const KVM_RESULT = "kvm_probe";

/** The node as it is known, and the moment from which on all of it is. */
export interface NodeFacts {
  current(): Node;
  /** Resolves once KVM was tried out, which costs up to 2 s at the first start after a boot, or after `close`. */
  readonly complete: Promise<void>;
  /** Ends what is still being found out; the answer of an ended probe is not kept. */
  close(): Promise<void>;
}

export interface FactSources {
  readonly store: Store;
  readonly recorder: Recorder;
  readonly log: Log;
  readonly bootId: string;
  /** Whom machines run as; null for the agent's user. */
  readonly pool: UserPool | null;
  /** Of the node, found elsewhere. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Finds the node's attributes; what takes long is found in the background and remembered until the next boot. */
export async function findNodeFacts(
  config: AgentConfig,
  { store, recorder, log, bootId, pool, attributes }: FactSources,
): Promise<NodeFacts> {
  const found = await fingerprintNode(
    {
      name: config.name,
      datacenter: config.datacenter,
      nodeClass: config.nodeClass,
      meta: config.meta,
      emulatorsAllowlist: config.policy.emulatorsAllowlist,
      dataDir: config.dirs.dataDir,
      dynamicUsers: pool !== null,
      resources: config.resources,
    },
    nodeId(store, recorder),
    { log, kvm: KVM_PENDING },
  );
  let node: Node = { ...found, attributes: { ...found.attributes, ...attributes } };
  const ending = new AbortController();
  const { signal } = ending;
  const complete = probeKvm(node.qemu.emulators, { bootId, remembered: store.fact(KVM_RESULT), signal }).then(
    async ({ facts: found, remember }) => {
      const facts = found.usable && pool !== null ? await kvmForUsers(pool) : found;
      if (signal.aborted) return;
      node = withKvm(node, facts);
      keepProbe({ store, recorder, log }, remember);
      log.info("fingerprinted", {
        qemu: node.attributes["driver.qemu.version"] ?? node.qemu.description,
        kvm: facts.usable ? "usable" : facts.reason,
      });
    },
  );
  return {
    current: () => node,
    complete,
    close: () => {
      ending.abort();
      return complete;
    },
  };
}

/** KVM that root can use is of no use to machines that may not open its device. */
async function kvmForUsers(pool: UserPool): Promise<KvmFacts> {
  try {
    const denied = await denyKvm(pool);
    return denied === undefined
      ? { usable: true, reason: "" }
      : { usable: false, reason: `${denied.message}: ${denied.remedy}` };
  } catch (error) {
    return { usable: false, reason: errorText(error) };
  }
}

/** What cannot be remembered is found out again at the next start: a full disk is no reason to know less now. */
function keepProbe(
  { store, recorder, log }: { readonly store: Store; readonly recorder: Recorder; readonly log: Log },
  remember: string | null,
): void {
  try {
    recorder.record(() => {
      if (remember !== null) store.setFact(KVM_RESULT, remember);
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn("what KVM can do is not remembered", { error: error.message });
  }
}

function nodeId(store: Store, recorder: Recorder): string {
  const known = store.fact(NODE_ID);
  if (known !== undefined) return known;
  const made = newId();
  recorder.record(() => store.setFact(NODE_ID, made));
  return made;
}
