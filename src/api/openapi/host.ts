import * as v from "valibot";
import { LOG_LEVELS } from "../../base/log.ts";
import {
  AgentHealthSchema,
  AgentSelfSchema,
  DeploymentsSchema,
  LeaderSchema,
  MembersSchema,
  NamespacesSchema,
  RegionsSchema,
} from "../../contract/agent-info.ts";
import { AllocationSchema } from "../../contract/allocation.ts";
import { DoneReplySchema } from "../../contract/allocation-requests.ts";
import { BundleLoadedSchema, BundleOpenedSchema, BundleTakenSchema, OpenBundleSchema } from "../../contract/bundle.ts";
import { DrainRequestSchema } from "../../contract/drain.ts";
import { EventLineSchema } from "../../contract/event.ts";
import { FuzzySearchReplySchema, FuzzySearchRequestSchema } from "../../contract/fuzzy-search.ts";
import { GarbageReplySchema } from "../../contract/garbage.ts";
import {
  ImageFrameSchema,
  ImageInfoSchema,
  ImageSchema,
  ImagesSchema,
  PruneReplySchema,
  PruneRequestSchema,
  PullRequestSchema,
} from "../../contract/image.ts";
import { MetricsSchema } from "../../contract/metrics.ts";
import { MonitorFrameSchema } from "../../contract/monitor.ts";
import { EligibilityReplySchema, EligibilityRequestSchema, NodeSchema, NodeStubSchema } from "../../contract/node.ts";
import { SearchReplySchema, SearchRequestSchema } from "../../contract/search.ts";
import { ServiceListSchema, ServiceSchema } from "../../contract/service.ts";
import { CreateTokenSchema, TokenSchema, TokenStubSchema } from "../../contract/token.ts";
import { HostUsageSchema } from "../../contract/usage.ts";
import { ID_PREFIX } from "./allocations.ts";
import {
  change,
  count,
  flag,
  frames,
  json,
  list,
  look,
  type RouteDescriptions,
  read,
  text,
  word,
} from "./description.ts";

/** This document; what it is made of, OpenAPI says. */
const OpenApiSchema = v.looseObject({ openapi: v.string() });

const COLLECT = change("Remove what has ended.", GarbageReplySchema, {
  query: [flag("discard", "Also what has disks that guests wrote to.")],
  errors: [409],
});

const image = (summary: string) => ({
  summary,
  replies: [frames(ImageFrameSchema)],
  indexed: true as const,
  errors: [400, 404, 409, 413] as const,
});

/** Routes about this host, its agent, and what both keep for all jobs. */
export const HOST_ROUTES: RouteDescriptions = {
  "GET /v1/nodes": read("List nodes: this one.", list(NodeStubSchema), {
    query: [ID_PREFIX, flag("os", "With Attributes."), flag("resources", "With NodeResources.")],
  }),
  "GET /v1/node/:id": read("Read the node.", NodeSchema, { errors: [404] }),
  "GET /v1/node/:id/allocations": read("List all allocations, whole.", list(AllocationSchema), { errors: [404] }),
  "PUT /v1/node/:id/eligibility": change("Say whether the node takes new machines.", EligibilityReplySchema, {
    request: { schema: EligibilityRequestSchema },
    errors: [404, 409],
  }),
  "PUT /v1/node/:id/drain": change("Empty the node of machines, or let them come back.", EligibilityReplySchema, {
    request: { schema: DrainRequestSchema },
    errors: [404, 503],
  }),
  "GET /v1/client/stats": look("Read what the host is doing.", [json(HostUsageSchema)], {
    query: [text("node_id", "The node's id.")],
    errors: [404],
  }),
  "GET /v1/metrics": {
    summary: "Read the agent's metrics.",
    query: [word("format", ["json", "prometheus"], "json unless given.")],
    replies: [json(MetricsSchema), { kind: "exposition" }],
    errors: [400],
  },
  "GET /v1/openapi.json": { summary: "Read this document.", replies: [json(OpenApiSchema)], errors: [] },
  "GET /v1/agent/self": read("Read what the agent is.", AgentSelfSchema),
  "GET /v1/agent/health": read("Learn that the agent answers.", AgentHealthSchema),
  "GET /v1/agent/members": read("List the members of the cluster: this agent.", MembersSchema),
  "GET /v1/agent/monitor": look("Follow the agent's log.", [frames(MonitorFrameSchema), { kind: "text" }], {
    query: [word("log_level", LOG_LEVELS, "info unless given."), flag("plain", "Lines instead of frames.")],
  }),
  "GET /v1/status/leader": read("Read where the agent listens.", LeaderSchema),
  "GET /v1/regions": read("List regions.", RegionsSchema),
  "GET /v1/namespaces": read("List namespaces.", NamespacesSchema),
  "GET /v1/deployments": read("List deployments; there are none.", DeploymentsSchema),
  "GET /v1/services": read("List the services that run, by namespace.", ServiceListSchema),
  "GET /v1/service/:name": read("List what serves under a name.", list(ServiceSchema)),
  "GET /v1/event/stream": look("Follow what changes.", [frames(EventLineSchema)], {
    query: [
      {
        name: "topic",
        description: "Topic, Topic:key or *; may come several times, and all without it.",
        schema: { type: "array", items: { type: "string" } },
      },
      text("namespace", "default unless given; * for all."),
      count("index", "Begin with the changes from this index on."),
    ],
  }),
  "PUT /v1/search": change("Find ids that begin with a text.", SearchReplySchema, {
    request: { schema: SearchRequestSchema },
  }),
  "PUT /v1/search/fuzzy": change("Find names that have a text in them.", FuzzySearchReplySchema, {
    request: { schema: FuzzySearchRequestSchema },
  }),
  "PUT /v1/system/gc": COLLECT,
  "GET /v1/client/gc": COLLECT,
  "PUT /v1/client/gc": COLLECT,
  "GET /v1/images": look("List what was fetched.", [json(ImagesSchema)], {
    query: [text("prefix", "Only checksums that begin so.")],
  }),
  "PUT /v1/images/prune": change("Remove what was fetched and is used no more.", PruneReplySchema, {
    request: { schema: PruneRequestSchema },
  }),
  "PUT /v1/images/pull": { ...image("Fetch something before a job wants it."), request: { schema: PullRequestSchema } },
  "GET /v1/image/:checksum": look("Describe something that was fetched.", [json(ImageInfoSchema)], {
    errors: [404, 409],
  }),
  "DELETE /v1/image/:checksum": change("Remove something that was fetched.", ImageSchema, { errors: [404, 409] }),
  "PUT /v1/image/:checksum/verify": image("Read something that was fetched, and compare its checksum."),
  "PUT /v1/bundles": change("Begin to load a bundle.", BundleOpenedSchema, {
    request: { schema: OpenBundleSchema },
    errors: [409],
  }),
  "PUT /v1/bundle/:id": change("Hand in the next bytes of a bundle.", BundleTakenSchema, {
    query: [count("offset", "Where they stand in it.")],
    request: "bytes",
    errors: [404, 409],
  }),
  "PUT /v1/bundle/:id/load": change("Load a bundle that was handed in.", BundleLoadedSchema, { errors: [404, 409] }),
  "DELETE /v1/bundle/:id": change("Give up the load of a bundle.", DoneReplySchema, { errors: [404, 409] }),
  "GET /v1/acl/tokens": read("List tokens.", list(TokenStubSchema), {
    query: [text("prefix", "Only accessor ids that begin so.")],
  }),
  "PUT /v1/acl/token": change("Make a token.", TokenSchema, {
    request: { schema: CreateTokenSchema },
    errors: [409],
  }),
  "GET /v1/acl/token/self": read("Read the token of the request.", TokenSchema),
  "GET /v1/acl/token/:accessor": read("Read a token.", TokenSchema, { errors: [404] }),
  "DELETE /v1/acl/token/:accessor": change("Revoke a token.", DoneReplySchema, { errors: [404] }),
};
