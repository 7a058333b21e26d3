import type { Hono } from "hono";
import { writeCheckResults, writeService, writeServiceList } from "../contract/service.ts";
import { replyRead } from "./blocking.ts";
import type { ApiContext } from "./context.ts";
import { pathParam } from "./query.ts";

/** Services of provider nomad that run, and what the checks of an allocation say. */
export function addServiceRoutes(app: Hono, context: ApiContext): void {
  const { agent } = context;
  const registrations = (filter: Parameters<typeof agent.services>[0]) =>
    agent.services(filter).map((service) => writeService(service, agent.node.datacenter));
  app.get("/v1/services", (c) => replyRead(c, context, () => writeServiceList(agent.services({}))));
  app.get("/v1/service/:name", (c) => replyRead(c, context, () => registrations({ name: pathParam(c, "name") })));
  app.get("/v1/job/:id/services", (c) =>
    replyRead(c, context, () => registrations({ jobId: agent.job(pathParam(c, "id")).job.id })),
  );
  app.get("/v1/allocation/:id/services", (c) =>
    replyRead(c, context, () => registrations({ allocationId: agent.allocation(pathParam(c, "id")).id })),
  );
  // Nomad's documentation has the one path, its clients use the other.
  for (const path of ["/v1/allocation/:id/checks", "/v1/client/allocation/:id/checks"]) {
    app.get(path, (c) =>
      replyRead(c, context, () => {
        const allocation = agent.allocation(pathParam(c, "id"));
        return writeCheckResults(allocation, agent.checks(allocation.id));
      }),
    );
  }
}
