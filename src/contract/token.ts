import * as v from "valibot";
import { MAX_DURATION, parseDuration, SECOND } from "../base/units.ts";
import { ROLES, type Role } from "./role.ts";
import { CountSchema } from "./scalars.ts";

/** What lets somebody use the API from elsewhere than the unix socket, as the store has it. Its secret is nowhere. */
export interface KnownToken {
  /** Names it; no secret. */
  readonly accessor: string;
  /** For people; may be empty. */
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret, in hexadecimal. */
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Nobody gets in by it from then on, in milliseconds since 1970; null for never. */
  readonly expiresAt: number | null;
  readonly createIndex: number;
}

const stub = {
  AccessorID: v.string(),
  Name: v.string(),
  /** Nomad's word: a `management` token may do everything, which is the role admin; of a `client` token its policies tell. */
  Type: v.picklist(["client", "management"]),
  /** The role, for Nomad's clients; null of a management token. */
  Policies: v.nullable(v.array(v.string())),
  Roles: v.null(),
  Global: v.boolean(),
  /** Base64, as Nomad's; not what the secret is known by. */
  Hash: v.string(),
  CreateTime: v.string(),
  ExpirationTime: v.nullable(v.string()),
  CreateIndex: CountSchema,
  ModifyIndex: CountSchema,
};

/** Nomad's `ACLTokenListStub`. */
export const TokenStubSchema = v.object(stub);
export type WireTokenStub = v.InferOutput<typeof TokenStubSchema>;

/** Nomad's `ACLToken`. `SecretID` is told once, in the reply to whoever makes the token, and is empty everywhere else. */
export const TokenSchema = v.object({ ...stub, SecretID: v.string() });
export type WireToken = v.InferOutput<typeof TokenSchema>;

/** A wish for a token; what a client of Nomad's sends besides means nothing here. */
export const CreateTokenSchema = v.object({
  Name: v.optional(v.string(), ""),
  Type: v.nullish(v.string(), "client"),
  Policies: v.nullish(v.array(v.string()), []),
  Roles: v.nullish(v.array(v.unknown()), []),
  /** Nanoseconds or Go's text; Nomad's Go client sends the text. */
  ExpirationTTL: v.nullish(v.union([v.string(), v.number()]), 0),
  ExpirationTime: v.nullish(v.string(), null),
});
export type CreateToken = v.InferOutput<typeof CreateTokenSchema>;

/** What a wish for a token comes to, or why it cannot be had. */
export function readCreateToken(body: CreateToken): {
  readonly role: Role | undefined;
  /** Nanoseconds; null for a token that stays; undefined for a text that is no duration. */
  readonly ttl: number | null | undefined;
} {
  const { Type, Policies, Roles, ExpirationTTL: ttl } = body;
  return { role: roleOf(Type ?? "", [...(Policies ?? [])], (Roles ?? []).length), ttl: readTtl(ttl ?? 0) };
}

function roleOf(type: string, policies: readonly string[], roles: number): Role | undefined {
  if (roles > 0) return undefined;
  if (type === "management") return policies.length === 0 ? "admin" : undefined;
  if (type !== "client" || policies.length !== 1) return undefined;
  return ROLES.find((role) => role === policies[0]);
}

function readTtl(ttl: string | number): number | null | undefined {
  const nanos = typeof ttl === "number" ? ttl : ttl === "" ? 0 : parseDuration(ttl);
  if (nanos === 0) return null;
  return nanos === undefined || nanos < SECOND || nanos >= MAX_DURATION ? undefined : nanos;
}

/** A token without its secret. */
export function writeTokenStub(token: KnownToken): WireTokenStub {
  const isAdmin = token.role === "admin";
  return {
    AccessorID: token.accessor,
    Name: token.name,
    Type: isAdmin ? "management" : "client",
    Policies: isAdmin ? null : [token.role],
    Roles: null,
    Global: false,
    Hash: "",
    CreateTime: writeMoment(token.createdAt),
    ExpirationTime: token.expiresAt === null ? null : writeMoment(token.expiresAt),
    CreateIndex: token.createIndex,
    ModifyIndex: token.createIndex,
  };
}

/** @param secret only for whoever has just made it. */
export function writeToken(token: KnownToken, secret = ""): WireToken {
  return { ...writeTokenStub(token), SecretID: secret };
}

/** RFC 3339, as Go writes times. */
function writeMoment(millis: number): string {
  return new Date(millis).toISOString();
}
