import * as v from "valibot";
import type { Question } from "./client.ts";
import { list, text } from "./lenient.ts";

const TokenSchema = v.object({
  AccessorID: v.string(),
  Name: text,
  Type: text,
  Policies: list(v.string()),
  CreateTime: text,
  ExpirationTime: v.nullish(v.string(), null),
  SecretID: text,
});
export type KnownToken = v.InferOutput<typeof TokenSchema>;

const encode = encodeURIComponent;

/** What is asked about tokens. */
export const askTokens = {
  list: () => ({ target: "/v1/acl/tokens", schema: v.array(TokenSchema) }),
  create: () => ({ target: "/v1/acl/token", schema: TokenSchema }),
  /** By DELETE. */
  revoke: (accessor: string) => ({ target: `/v1/acl/token/${encode(accessor)}`, schema: v.unknown() }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;

/** What a token lets one do, as paddock calls it. */
export function roleOf({ Type, Policies }: KnownToken): string {
  return Type === "management" ? "admin" : Policies.join(", ");
}
