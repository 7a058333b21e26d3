/** Will come; there is nothing more to say. */
const LATER = null;
const CLUSTER = "paddock runs on one host and has no servers";
const ACCESS = "whoever may open the agent's socket may do everything, and others need a token: paddock token create";
const STORAGE = "machines use the images of their task directory";

/** Commands of Nomad's, or of our own design, that are not there, with the reason; a group's name stands for all of it. */
export const UNSUPPORTED: Readonly<Record<string, string | null>> = {
  "job allocs": "paddock status JOB shows them",
  "job eval": LATER,
  "job restart": LATER,
  "job start": LATER,
  "job action": LATER,
  "job tag": LATER,
  "job dispatch": LATER,
  "job periodic": LATER,
  "job deployments": CLUSTER,
  "job promote": CLUSTER,
  "alloc exec": "a machine has no processes that the host could start; log in to it instead",
  exec: "a machine has no processes that the host could start; log in to it instead",
  "node config": CLUSTER,
  "node meta": LATER,
  "node pool": CLUSTER,
  "system reconcile": CLUSTER,
  "systemd install": "paddock systemd unit prints the unit",
  eval: LATER,
  event: LATER,
  config: LATER,
  service: LATER,
  var: LATER,
  fmt: LATER,
  ui: LATER,
  "agent-info": "paddock node status shows the host",
  acl: ACCESS,
  login: ACCESS,
  sentinel: ACCESS,
  tls: ACCESS,
  deployment: CLUSTER,
  license: CLUSTER,
  namespace: CLUSTER,
  operator: CLUSTER,
  quota: CLUSTER,
  recommendation: CLUSTER,
  scaling: CLUSTER,
  server: CLUSTER,
  setup: CLUSTER,
  plugin: STORAGE,
  volume: STORAGE,
};
