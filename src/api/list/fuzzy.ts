import type { Context, Hono } from "hono";
import { AppError } from "../../base/errors.ts";
import { NAMESPACES } from "../../contract/agent-info.ts";
import {
  type FuzzyMatch,
  FuzzySearchRequestSchema,
  isEverywhere,
  writeFuzzyReply,
} from "../../contract/fuzzy-search.ts";
import type { Job } from "../../job/job.ts";
import type { ApiContext } from "../context.ts";
import { readBody } from "../validate.ts";

/** Characters of a text that is looked for, as in Nomad. */
const SHORTEST = 2;

/** `PUT /v1/search/fuzzy`: names that have a text somewhere in them. */
export function addFuzzySearchRoute(app: Hono, context: ApiContext): void {
  app.on(["PUT", "POST"], "/v1/search/fuzzy", (c) => search(c, context));
}

async function search(c: Context, { agent }: ApiContext): Promise<Response> {
  const { Text, Context: where } = (await readBody(c, FuzzySearchRequestSchema)).body;
  const text = Text.toLowerCase();
  if (text.length < SHORTEST) {
    throw new AppError("invalid", `fuzzy search query must be at least ${SHORTEST} characters, got ${text.length}`);
  }
  const everything = [...agent.jobs("").flatMap(({ job }) => namesOf(job)), ...ownNames(agent, text)];
  const found = everything.flatMap((match) => {
    const at = match.id.toLowerCase().indexOf(text);
    return at < 0 || !(isEverywhere(where) || match.context === where) ? [] : [{ ...match, at }];
  });
  return c.json(writeFuzzyReply(found, agent.changes.index));
}

type Named = Omit<FuzzyMatch, "at">;

/** What stands in a job, each with the way to it. */
function namesOf({ id, name, namespace, groups }: Job): Named[] {
  const way = [namespace, id];
  return [
    { context: "jobs", id: name, scope: way },
    ...groups.flatMap((group): Named[] => [
      { context: "groups", id: group.name, scope: way },
      ...(group.services ?? []).map((service) => named("services", service.name, [...way, group.name])),
      ...group.tasks.flatMap((task): Named[] => {
        const inside = [...way, group.name, task.name];
        return [
          { context: "tasks", id: task.name, scope: [...way, group.name] },
          ...(task.services ?? []).map((service) => named("services", service.name, inside)),
          { context: "images", id: task.config.image_path, scope: inside },
        ];
      }),
    ]),
  ];
}

const named = (context: Named["context"], id: string, scope: readonly string[]): Named => ({ context, id, scope });

/** What has a name besides; evaluations have none, and are found by the beginning of their ids. */
function ownNames(agent: ApiContext["agent"], text: string): Named[] {
  const spaces = new Map(agent.jobs("").map(({ job }) => [job.id, job.namespace]));
  return [
    named("nodes", agent.node.name, [agent.node.id]),
    ...NAMESPACES.map(({ Name }) => named("namespaces", Name, [])),
    ...agent
      .allocations({})
      .map(({ id, name, jobId }) => named("allocs", name, [spaces.get(jobId) ?? NAMESPACES[0]?.Name ?? "", id])),
    ...agent.evaluations({}).flatMap(({ id }) => (id.startsWith(text) ? [named("evals", id, [])] : [])),
  ];
}
