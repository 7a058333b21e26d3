import { EVERY_ADDRESS } from "../base/every-address.ts";
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
  const host = await findHost(node, { path, log: sources.log });
  const own = host.changing["unique.network.ip-address"];
  const attributes = { ...sources.attributes, "nomad.advertise.address": advertised(config, own) };
  const watch = new NodeWatch({ ...sources, attributes, node, id, path }, host, trace);
  watch.begin();
  return watch;
}

/** Where clients elsewhere reach the API, else where those on this host do. @param own the address of this host that others reach. */
export function advertised(
  { http: { addresses, advertise, port }, dirs }: Pick<AgentConfig, "http" | "dirs">,
  own: string | undefined,
): string {
  const [first] = addresses;
  if (first === undefined) return `unix://${apiSocket(dirs)}`;
  const isEvery = first === EVERY_ADDRESS || first === "::";
  return advertise ?? hostPort(isEvery ? (own ?? first) : first, port);
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
