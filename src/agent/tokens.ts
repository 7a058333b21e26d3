import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Role } from "../contract/role.ts";
import type { KnownToken } from "../contract/token.ts";
import type { Recorder } from "../state/recorder.ts";
import type { Store } from "../state/store.ts";

export interface TokenWish {
  readonly role: Role;
  /** For people. */
  readonly name: string;
  /** How long it is good for; null for as long as it is not revoked. */
  readonly ttlMillis: number | null;
}

/** Who may use the API from elsewhere than the unix socket. */
export interface Tokens {
  /** @returns the secret too, which nobody can ask for later. @throws AppError `invalid` for a name that is none, `conflict` for one too many. */
  create(wish: TokenWish): { readonly token: KnownToken; readonly secret: string };
  /** Those that are good, oldest first. */
  list(): readonly KnownToken[];
  /** @throws AppError `not_found`. */
  get(accessor: string): KnownToken;
  /** From now on nobody gets in by it, and what somebody is in the middle of ends. @throws AppError `not_found`. */
  revoke(accessor: string): void;
  /** Whose a secret is; undefined for nobody's, and for that of a token that has expired. Reads nothing but memory. */
  find(secret: string): KnownToken | undefined;
  /** Calls back once when a token is revoked or expires; the returned function forgets that. */
  whenGone(token: KnownToken, callback: () => void): () => void;
}

/** Tells people and programs that look for secrets in texts what this is. */
const PREFIX = "paddock_";
/** Bytes of chance in a secret. */
const SECRET_BYTES = 32;
const MOST_TOKENS = 1_000;
const NAME = /^[^\u0000-\u001f\u007f]{0,128}$/;

type Context = {
  readonly store: Pick<Store, "tokens" | "putToken" | "deleteToken">;
  readonly recorder: Pick<Recorder, "record" | "recordFreeing">;
  readonly clock: Clock;
};

/** The tokens of the store; they are read when the first is asked for, which an agent on a unix socket alone never does. */
export function createTokens({ store, recorder, clock }: Context): Tokens {
  let read: Map<string, KnownToken> | undefined;
  const known = (): Map<string, KnownToken> => {
    read ??= new Map(store.tokens().map((token) => [token.hash, token]));
    return read;
  };
  const listeners = new Map<string, Set<() => void>>();
  const isGood = ({ expiresAt }: KnownToken): boolean => expiresAt === null || clock.now() < expiresAt;
  const list = (): KnownToken[] => [...known().values()].filter(isGood);
  const get = (accessor: string): KnownToken => {
    const found = list().find((token) => token.accessor === accessor);
    if (found !== undefined) return found;
    throw new AppError("not_found", "ACL token not found", { hint: "paddock token list shows those that are good" });
  };
  return {
    create(wish) {
      assertWish(wish, list().length);
      const secret = `${PREFIX}${randomBytes(SECRET_BYTES).toString("base64url")}`;
      const token = recorder.record((createIndex) => {
        const made = newToken(wish, { secret, now: clock.now(), createIndex });
        for (const old of known().values()) if (!isGood(old)) store.deleteToken(old.accessor);
        store.putToken(made);
        return made;
      });
      read = new Map([...list(), token].map((good) => [good.hash, good]));
      return { token, secret };
    },
    list,
    get,
    revoke(accessor) {
      const token = get(accessor);
      recorder.recordFreeing(() => store.deleteToken(accessor));
      known().delete(token.hash);
      for (const tell of [...(listeners.get(accessor) ?? [])]) tell();
    },
    find(secret) {
      const hash = hashOf(secret);
      const token = known().get(hash.toString("hex"));
      if (token === undefined || !timingSafeEqual(Buffer.from(token.hash, "hex"), hash)) return undefined;
      return isGood(token) ? token : undefined;
    },
    whenGone: (token, callback) => listen(listeners, token, { callback, clock }),
  };
}

function assertWish({ name }: TokenWish, there: number): void {
  if (!NAME.test(name)) {
    throw new AppError("invalid", "the name of a token: expected at most 128 characters without control characters");
  }
  if (there < MOST_TOKENS) return;
  throw new AppError("conflict", `there are ${MOST_TOKENS} tokens already`, { hint: "revoke what nobody needs" });
}

function newToken(
  { role, name, ttlMillis }: TokenWish,
  { secret, now, createIndex }: { readonly secret: string; readonly now: number; readonly createIndex: number },
): KnownToken {
  return {
    accessor: newId(),
    name,
    role,
    hash: hashOf(secret).toString("hex"),
    createdAt: now,
    expiresAt: ttlMillis === null ? null : now + ttlMillis,
    createIndex,
  };
}

/**
 * What a secret is known by. A slow hash makes guessing dear where people choose what is guessed; of 256 bits of chance nobody guesses one,
 * and a slow one would be paid by the agent for each request, whoever sends it. What the map's own comparisons take tells of a hash, from
 * which no secret follows.
 */
function hashOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function listen(
  listeners: Map<string, Set<() => void>>,
  { accessor, expiresAt }: KnownToken,
  { callback, clock }: { readonly callback: () => void; readonly clock: Clock },
): () => void {
  const own = listeners.get(accessor) ?? new Set();
  listeners.set(accessor, own);
  const forget = (): void => {
    cancel();
    own.delete(tell);
    if (own.size === 0 && listeners.get(accessor) === own) listeners.delete(accessor);
  };
  const tell = (): void => {
    forget();
    callback();
  };
  const cancel = expiresAt === null ? () => undefined : clock.after(Math.max(0, expiresAt - clock.now()), tell);
  own.add(tell);
  return forget;
}
