import type { Hono } from "hono";
import { errorReply } from "./errors.ts";

const CLUSTER = "paddock runs on one host and has no servers";
const ACL = "access is by the unix socket's file and by tokens with one of the roles read, operate and admin";
const STORAGE = "virtual machines use the images of their task directory";
const LATER = "it is not there yet";

/**
 * What Nomad's API or our own design has and this program does not answer, by path, with the reason. None is the path of a route: that
 * has 405 for other methods.
 */
const ROUTES: readonly (readonly [path: string, name: string, why: string])[] = [
  ["/v1/acl/bootstrap", "a first token", "the unix socket needs none: paddock token create -role admin"],
  ["/v1/acl/:rest{(?!(?:tokens|token(?:/[^/]+)?)$).*}", "access control lists", ACL],
  ["/v1/sentinel/*", "Sentinel policies", ACL],
  ["/v1/quota/*", "quotas", CLUSTER],
  ["/v1/quotas", "quotas", CLUSTER],
  ["/v1/quota-usages", "quotas", CLUSTER],
  ["/v1/operator/*", "operator commands", CLUSTER],
  ["/v1/status/peers", "Raft peers", CLUSTER],
  ["/v1/agent/join", "joining a cluster", CLUSTER],
  ["/v1/agent/force-leave", "leaving a cluster", CLUSTER],
  ["/v1/agent/servers", "the list of servers", CLUSTER],
  ["/v1/agent/keyring/*", "gossip keys", CLUSTER],
  ["/v1/agent/schedulers", "scheduler workers", CLUSTER],
  ["/v1/agent/schedulers/*", "scheduler workers", CLUSTER],
  ["/v1/deployment/*", "deployments", CLUSTER],
  ["/v1/namespace", "more than one namespace", CLUSTER],
  ["/v1/namespace/*", "more than one namespace", CLUSTER],
  ["/v1/node/pools", "node pools", CLUSTER],
  ["/v1/node/pool/*", "node pools", CLUSTER],
  ["/v1/recommendation", "recommendations", CLUSTER],
  ["/v1/recommendation/*", "recommendations", CLUSTER],
  ["/v1/recommendations", "recommendations", CLUSTER],
  ["/v1/recommendations/*", "recommendations", CLUSTER],
  ["/v1/scaling/*", "scaling policies", CLUSTER],
  ["/v1/volume/*", "volumes", STORAGE],
  ["/v1/volumes", "volumes", STORAGE],
  ["/v1/volumes/*", "volumes", STORAGE],
  ["/v1/plugin/*", "CSI plugins", STORAGE],
  ["/v1/plugins", "CSI plugins", STORAGE],
  ["/v1/var/*", "variables", LATER],
  ["/v1/vars", "variables", LATER],
  ["/v1/service/:name/:id", "removing the registration of a service", LATER],
  ["/v1/system/:command{(?!gc$).*}", "system commands other than gc", CLUSTER],
  ["/v1/job/:id/actions", "job actions", LATER],
  ["/v1/job/:id/action", "job actions", LATER],
  ["/v1/job/:id/deployments", "deployments", CLUSTER],
  ["/v1/job/:id/dispatch", "parameterized jobs", LATER],
  ["/v1/job/:id/periodic/force", "periodic jobs", LATER],
  ["/v1/job/:id/stable", "stable versions", LATER],
  ["/v1/job/:id/versions/:name{.+}", "names for versions of a job", LATER],
  ["/v1/node/:id/evaluate", "evaluating a node", CLUSTER],
  ["/v1/node/:id/purge", "purging a node", CLUSTER],
  ["/v1/client/allocation/:id/:action{exec|pause}", "exec", LATER],
  ["/v1/client/metadata", "changing node metadata", LATER],
  ["/v1/agent/host", "host data for debugging", LATER],
  ["/v1/agent/pprof/*", "Go profiles", "paddock is not written in Go"],
  ["/v1/vm/:alloc/:task/:action{screenshot|snapshots}", "screenshot and snapshots", LATER],
];

/** Answers 501 by name on what is not supported; to be added behind every route that is. */
export function addUnsupported(app: Hono): void {
  const refuse = (name: string, why: string) => () => errorReply(501, `not supported: ${name}: ${why}`);
  for (const [path, name, why] of ROUTES) app.all(path, refuse(name, why));
  app.on(["PUT", "POST"], "/v1/acl/token/:accessor", refuse("changing a token", "revoke it and create another one"));
}
