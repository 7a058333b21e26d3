import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { Agent } from "../agent/agent.ts";
import { type Clock, monotonicMillis, systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type LogMonitor, NO_MONITOR } from "../base/log-monitor.ts";
import { formatBytes } from "../base/units.ts";
import type { NodeFacts } from "../contract/node.ts";
import type { Remote, Upgrade } from "../runtime/serve.ts";
import { type Audit, auditChanges, withoutSecrets } from "./access/audit.ts";
import { type Beside, besideOf } from "./access/caller.ts";
import { createDoor } from "./access/door.ts";
import { admitByRole, takeBody } from "./access/guard.ts";
import { addTokenRoutes } from "./access/tokens.ts";
import { addAllocationRoutes } from "./allocations.ts";
import { addBundleRoutes } from "./bundles.ts";
import { packReply } from "./compress.ts";
import type { ApiContext } from "./context.ts";
import { answerError, errorReply } from "./errors.ts";
import { addFileRoutes, refuseNoAllocation } from "./files.ts";
import { addImageRoutes } from "./images.ts";
import { addJobChangeRoutes } from "./job/change.ts";
import { addEvaluationRoutes } from "./job/evaluations.ts";
import { addJobRoutes } from "./job/jobs.ts";
import { addJobPlanRoute } from "./job/plan.ts";
import { addFuzzySearchRoute } from "./list/fuzzy.ts";
import { addSearchRoutes } from "./list/search.ts";
import { StubTexts } from "./list/stub-texts.ts";
import { noLoad } from "./load.ts";
import { addMachineRoutes } from "./machines.ts";
import { addNodeRoutes } from "./node.ts";
import { addOpenApiRoute } from "./openapi.ts";
import { refuseForeignPages } from "./origin.ts";
import { addServiceRoutes } from "./services.ts";
import { addStatsRoutes } from "./stats.ts";
import { addConsoleRoute } from "./stream/console.ts";
import { addEventRoutes } from "./stream/events.ts";
import { addLogRoutes } from "./stream/logs.ts";
import { addMonitorRoute } from "./stream/monitor.ts";
import { addSystemRoutes } from "./system.ts";
import { addUnsupported } from "./unsupported.ts";
import { MAX_REQUEST_BYTES } from "./validate.ts";

export interface ApiOptions {
  readonly log: Log;
  /** Where the agent's log is looked at; there is nothing to see unless told. */
  readonly monitor?: LogMonitor;
  /** Version of this program. */
  readonly version: string;
  /** `host:port` where clients reach this agent directly; "" when it listens on a unix socket alone. */
  readonly httpAddress: string;
  /** Aborts when the agent stops: blocking queries answer and followed logs end then, so that the server can close. */
  readonly stopping?: AbortSignal;
  /** The system's unless told. */
  readonly clock?: Clock;
  /** How it is reached from elsewhere than the unix socket. */
  readonly elsewhere?: Elsewhere;
  /** Where changes are written down; nowhere unless told. */
  readonly audit?: Audit;
}

export interface Elsewhere {
  /** `host:port` that clients are told; null for what each calls the agent by itself. */
  readonly advertise: string | null;
  readonly tls: boolean;
  /** By which clients know this agent, besides its addresses; in lower case. */
  readonly names: () => readonly string[];
  /** Most requests of one address at the same time; 0 for any number. */
  readonly maxPerClient: number;
}

const NOWHERE: Elsewhere = { advertise: null, tls: false, names: () => [], maxPerClient: 0 };

export interface Api {
  /**
   * Answers whoever may open the unix socket, and may do everything.
   * @param upgrade makes a WebSocket of the request, where there is a server that can.
   */
  fetch(request: Request, upgrade?: Upgrade): Promise<Response>;
  /** Answers who comes from elsewhere: nobody without a token, and by its role. */
  fetchRemote(request: Request, remote: Remote): Promise<Response>;
  /** Every method and path that it answers; 501s are not among them. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
}

/** Nomad's HTTP API over the agent's use cases. */
export function createApi(agent: Agent, options: ApiOptions): Api {
  const { log, version, httpAddress, clock = systemClock, stopping = new AbortController().signal } = options;
  const { elsewhere = NOWHERE } = options;
  const facts = factsOf(agent, { version, httpAddress, startedAt: clock.now() });
  const stubs = { plain: new StubTexts(clock), withResources: new StubTexts(clock) };
  agent.whenWritten((id) => {
    for (const texts of Object.values(stubs)) texts.forget(id);
  });
  const factsFor: ApiContext["factsFor"] = (c) => {
    if (besideOf(c).caller.kind === "host") return facts;
    // By that it has come, through whatever forwards it.
    return { ...facts, httpAddress: elsewhere.advertise ?? c.req.header("host") ?? "", tls: elsewhere.tls };
  };
  const { monitor = NO_MONITOR } = options;
  const context: ApiContext = { agent, log, monitor, clock, facts, factsFor, stubs, load: noLoad(), stopping };
  const app = new Hono();
  app.onError((error, c) => answerError(error, c, log));
  app.notFound(() => errorReply(404, "no such route", "the routes are Nomad's, below /v1/"));
  addGuards(app, options);
  const guards = app.routes.length;
  addJobRoutes(app, context);
  addJobPlanRoute(app, context);
  addJobChangeRoutes(app, context);
  addAllocationRoutes(app, context);
  addEvaluationRoutes(app, context);
  addNodeRoutes(app, context);
  addLogRoutes(app, context);
  addFileRoutes(app, context);
  addSearchRoutes(app, context);
  addFuzzySearchRoute(app, context);
  addMachineRoutes(app, context);
  addServiceRoutes(app, context);
  addStatsRoutes(app, context);
  addConsoleRoute(app, context);
  addEventRoutes(app, context);
  addMonitorRoute(app, context);
  addImageRoutes(app, context);
  addBundleRoutes(app, context);
  addSystemRoutes(app, context);
  addTokenRoutes(app, context);
  addOpenApiRoute(app, context);
  const routes = app.routes.slice(guards).map(({ method, path }) => ({ method, path }));
  refuseNoAllocation(app);
  addUnsupported(app);
  const answer = async (request: Request, beside: Beside): Promise<Response> => await app.fetch(request, beside);
  const door = { tokens: agent.tokens, log, clock, maxPerClient: elsewhere.maxPerClient };
  return {
    fetch: (request, upgrade) => answer(request, { caller: { kind: "host" }, upgrade }),
    fetchRemote: createDoor(door, async (request, beside) => await packReply(request, await answer(request, beside))),
    routes,
  };
}

/** What the agent says of itself, each time as it is then. */
function factsOf(agent: Agent, facts: NodeFacts): NodeFacts {
  return Object.defineProperties(
    { ...facts },
    {
      eligible: { enumerable: true, get: () => agent.isEligible() },
      drain: { enumerable: true, get: () => agent.drain() },
    },
  );
}

/** What every request passes before its route. */
function addGuards(app: Hono, { log, clock = systemClock, elsewhere = NOWHERE, audit }: ApiOptions): void {
  app.use(async (c, next) => {
    const start = monotonicMillis();
    await next();
    const took = `${(monotonicMillis() - start).toFixed(1)}ms`;
    // The path alone: a query may hold a secret.
    log.debug("request complete", {
      method: c.req.method,
      path: withoutSecrets(c.req.path),
      status: c.res.status,
      took,
    });
  });
  if (audit !== undefined) app.use(auditChanges(audit, clock));
  app.use(refuseForeignPages(elsewhere.names));
  app.use(admitByRole);
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        const reply = errorReply(405, `method ${c.req.method} is not allowed here`, `use ${methods.join(", ")}`);
        reply.headers.set("allow", methods.join(", "));
        return reply;
      },
    }),
  );
  app.use(
    bodyLimit({
      maxSize: MAX_REQUEST_BYTES,
      onError: () => errorReply(413, `the request body is larger than ${formatBytes(MAX_REQUEST_BYTES)}`),
    }),
  );
  app.use(takeBody);
}
