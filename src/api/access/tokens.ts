import type { Context, Hono } from "hono";
import { AppError } from "../../base/errors.ts";
import { toMillis } from "../../base/units.ts";
import { CreateTokenSchema, readCreateToken, writeToken, writeTokenStub } from "../../contract/token.ts";
import { replyRead } from "../blocking.ts";
import type { ApiContext } from "../context.ts";
import { pathParam } from "../query.ts";
import { readBody } from "../validate.ts";
import { noteAbout } from "./audit.ts";
import { besideOf } from "./caller.ts";

/** Nomad's routes about tokens, as far as they mean something where a token has one of three roles. */
export function addTokenRoutes(app: Hono, context: ApiContext): void {
  const { agent } = context;
  app.get("/v1/acl/tokens", (c) => replyRead(c, context, () => listTokens(c, context)));
  app.on(["PUT", "POST"], "/v1/acl/token", (c) => createToken(c, context));
  app.get("/v1/acl/token/self", (c) => replyRead(c, context, () => showSelf(c, context)));
  app.get("/v1/acl/token/:accessor", (c) =>
    replyRead(c, context, () => writeToken(agent.tokens.get(pathParam(c, "accessor")))),
  );
  app.delete("/v1/acl/token/:accessor", (c) => {
    agent.tokens.revoke(pathParam(c, "accessor"));
    return c.json({});
  });
}

function listTokens(c: Context, { agent }: ApiContext) {
  const prefix = (c.req.query("prefix") ?? "").toLowerCase();
  return agent.tokens.list().flatMap((token) => (token.accessor.startsWith(prefix) ? [writeTokenStub(token)] : []));
}

async function createToken(c: Context, { agent }: ApiContext): Promise<Response> {
  const { body } = await readBody(c, CreateTokenSchema);
  const { role, ttl } = readCreateToken(body);
  if (role === undefined) {
    const hint = 'send Type "management" alone for admin, or Type "client" with Policies ["read"] or ["operate"]';
    throw new AppError("invalid", "a token has one of the roles read, operate and admin", { hint });
  }
  if (ttl === undefined || body.ExpirationTime) {
    throw new AppError("invalid", "ExpirationTTL: expected a duration of a second or more, such as 720h", {
      hint: "leave it out for a token that is good until it is revoked; ExpirationTime is not supported",
    });
  }
  const wish = { role, name: body.Name, ttlMillis: ttl === null ? null : toMillis(ttl) };
  const { token, secret } = agent.tokens.create(wish);
  noteAbout(besideOf(c), { AccessorID: token.accessor, Name: token.name, Role: token.role });
  return c.json(writeToken(token, secret));
}

/** What the caller of a unix socket is to a client that asks for its token. */
const HOST = { accessor: "", name: "unix socket", role: "admin", hash: "", expiresAt: null, createIndex: 0 } as const;

function showSelf(c: Context, { facts }: ApiContext) {
  const { caller } = besideOf(c);
  return writeToken(caller.kind === "token" ? caller.token : { ...HOST, createdAt: facts.startedAt });
}
