import { newId } from "../base/ids.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { hostPort } from "../config/http.ts";
import { traceEmulators } from "../node/emulators.ts";
import { agentPath, findHost, type NodeConfig } from "../node/fingerprint.ts";
import type { UserPool } from "../node/users.ts";
import { apiSocket } from "../paths.ts";
import type { Recorder } from "../state/recorder.ts";
import type { Store } from "../state/store.ts";
import { type FactSources, type NodeFacts, NodeWatch } from "./node-watch.ts";

const NODE_ID = "node_id";

/** Finds the node's attributes; what takes long is found in the background and remembered until the next boot. */
export async function findNodeFacts(config: AgentConfig, sources: FactSources): Promise<NodeFacts> {
  const node = nodeConfigOf(config, sources.pool);
  const id = nodeId(sources.store, sources.recorder);
  const path = sources.path ?? agentPath();
  // Before the emulators are asked: what is replaced meanwhile is asked again.
  const trace = traceEmulators(path);
  const attributes = { ...sources.attributes, "nomad.advertise.address": advertised(config) };
  const watch = new NodeWatch(
    { ...sources, attributes, node, id, path },
    await findHost(node, { path, log: sources.log }),
    trace,
  );
  watch.begin();
  return watch;
}

/** Where clients elsewhere reach the API, else where those on this host do. */
function advertised({ http: { addresses, advertise, port }, dirs }: AgentConfig): string {
  const [first] = addresses;
  return first === undefined ? `unix://${apiSocket(dirs)}` : (advertise ?? hostPort(first, port));
}

function nodeId(store: Store, recorder: Recorder): string {
  const known = store.fact(NODE_ID);
  if (known !== undefined) return known;
  const made = newId();
  recorder.record(() => store.setFact(NODE_ID, made));
  return made;
}

/** What the configuration says of the node. @param pool whom machines run as; null for the agent's user. */
export function nodeConfigOf(config: AgentConfig, pool: UserPool | null): NodeConfig {
  return {
    name: config.name,
    datacenter: config.datacenter,
    nodeClass: config.nodeClass,
    meta: config.meta,
    emulatorsAllowlist: config.policy.emulatorsAllowlist,
    dataDir: config.dirs.dataDir,
    dynamicUsers: pool !== null,
    resources: config.resources,
  };
}
