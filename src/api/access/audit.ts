import type { MiddlewareHandler } from "hono";
import type { Clock } from "../../base/clock.ts";
import { type Beside, besideOf, type Caller } from "./caller.ts";
import { routeOf } from "./roles.ts";

/** One change that somebody asked for, as a line of the audit log has it. */
export interface AuditEntry {
  /** RFC 3339, when it was answered. */
  readonly Time: string;
  readonly Who:
    | { readonly Kind: "socket" }
    | {
        readonly Kind: "token";
        readonly AccessorID: string;
        readonly Name: string;
        readonly Role: string;
        readonly Address: string;
      };
  /** The route, as the README calls it, and what it was asked for. */
  readonly Action: string;
  readonly Path: string;
  /** What the request is about, where its path does not say it: `{"Job": "web"}`. */
  readonly About?: Readonly<Record<string, string>>;
  /** Of the reply: 200, 403, …; of one that tells how long work goes on, when that began. */
  readonly Status: number;
  /** The first line of a refusal. */
  readonly Error?: string;
}

/** Where changes are written down. */
export interface Audit {
  /** Never throws: a full disk stops no change. */
  write(entry: AuditEntry): void;
}

/** Routes that take a body and change nothing, and the pieces of a bundle, of which there are many. */
const NO_CHANGE: ReadonlySet<string> = new Set([
  "PUT /v1/jobs/parse",
  "PUT /v1/validate/job",
  "PUT /v1/job/:id/plan",
  "PUT /v1/search",
  "PUT /v1/search/fuzzy",
  "PUT /v1/bundle/:id",
]);

/** Routes that change something although Nomad's clients ask for it by GET, and the way to type into a machine. */
const CHANGE: ReadonlySet<string> = new Set([
  "GET /v1/client/gc",
  "GET /v1/client/allocation/:id/gc",
  "GET /v1/vm/:alloc/:task/console",
]);

/** Longest path, and longest text of a refusal, in a line. */
const MOST = 512;

/** Writes down who asked for which change, and what it was answered. */
export function auditChanges(audit: Audit, clock: Clock): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const action = routeOf(c);
    if (action === undefined || !(action.startsWith("GET ") ? CHANGE.has(action) : !NO_CHANGE.has(action))) return;
    const beside = besideOf(c);
    const { status } = c.res;
    const error = status >= 400 ? await firstLine(c.res) : undefined;
    audit.write({
      Time: new Date(clock.now()).toISOString(),
      Who: whoIs(beside.caller),
      Action: action,
      Path: withoutSecrets(c.req.path).slice(0, MOST),
      ...(beside.about === undefined ? {} : { About: beside.about }),
      Status: status,
      ...(error === undefined ? {} : { Error: withoutSecrets(error).slice(0, MOST) }),
    });
  };
}

/** Says what the request is about, where its path does not. */
export function noteAbout(beside: Beside, about: Readonly<Record<string, string>>): void {
  beside.about = { ...beside.about, ...about };
}

function whoIs(caller: Caller): AuditEntry["Who"] {
  if (caller.kind === "host") return { Kind: "socket" };
  const { accessor, name, role } = caller.token;
  return { Kind: "token", AccessorID: accessor, Name: name, Role: role, Address: caller.address };
}

async function firstLine(response: Response): Promise<string | undefined> {
  if (!response.headers.get("content-type")?.startsWith("text/plain")) return undefined;
  return (await response.clone().text()).split("\n")[0];
}

/** Somebody may take a secret for an id. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(/paddock_[\w-]{8,}/g, "paddock_…");
}
