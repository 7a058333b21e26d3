import type { Context, Hono } from "hono";
import { isIdPrefix } from "../../base/ids.ts";
import { NAMESPACES } from "../../contract/agent-info.ts";
import { SEARCH_CONTEXTS, type SearchContext, SearchRequestSchema, writeSearchReply } from "../../contract/search.ts";
import type { ApiContext } from "../context.ts";
import { readBody } from "../validate.ts";

/** `PUT /v1/search`: ids that begin with a text. */
export function addSearchRoutes(app: Hono, context: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/search", (c) => search(c, context));
}

async function search(c: Context, { agent }: ApiContext): Promise<Response> {
  const { Prefix: prefix, Context: where } = (await readBody(c, SearchRequestSchema)).body;
  const everywhere = where === null || where === "" || where === "all";
  const contexts = SEARCH_CONTEXTS.filter((context) => everywhere || context === where);
  const index = agent.changes.index;
  const found = new Map(contexts.map((context) => [context, findIds(agent, context, prefix)]));
  return c.json(writeSearchReply(found, index));
}

function findIds(agent: ApiContext["agent"], context: SearchContext, prefix: string): string[] {
  const lower = prefix.toLowerCase();
  switch (context) {
    case "jobs":
      return agent.jobs(prefix).map(({ job }) => job.id);
    case "namespaces":
      return NAMESPACES.map(({ Name }) => Name).filter((name) => name.startsWith(prefix));
    case "allocs":
      return isIdPrefix(lower) ? agent.allocations({ prefix: lower }).map(({ id }) => id) : [];
    case "evals":
      return agent.evaluations({}).flatMap(({ id }) => (id.startsWith(lower) ? [id] : []));
    case "nodes":
      return agent.node.id.startsWith(lower) ? [agent.node.id] : [];
  }
}
