import type { Context } from "hono";
import { AppError } from "../../base/errors.ts";
import { covers, type Role } from "../../contract/role.ts";
import type { KnownToken } from "../../contract/token.ts";
import type { Upgrade } from "../../runtime/serve.ts";

/** Who sends a request. */
export type Caller =
  /** Whoever may open the unix socket: its file says who that is, and they may do everything. */
  | { readonly kind: "host" }
  /** Whoever has the secret of a token; the address is where the request comes from. */
  | { readonly kind: "token"; readonly token: KnownToken; readonly address: string };

/** What stands beside a request: Hono's environment. */
export interface Beside {
  readonly caller: Caller;
  /** Makes a WebSocket of the request; undefined where no server is that can. */
  readonly upgrade: Upgrade | undefined;
  /** The client has sent all that it has to: its silence means nothing from now on. */
  readonly bodyTaken?: () => void;
  /** What the request is about, for the audit log. */
  about?: Readonly<Record<string, string>>;
}

/** What stands beside the request that is handled. */
export function besideOf(c: Context): Beside {
  return c.env as Beside;
}

/** @param what asks for the role, for the message. @throws AppError `forbidden` when the caller has less. */
export function assertRole(c: Context, role: Role, what: string): void {
  const { caller } = besideOf(c);
  if (caller.kind === "host" || covers(caller.token.role, role)) return;
  const message = `Permission denied: ${what} needs the role ${role}, and this token has the role ${caller.token.role}`;
  throw new AppError("forbidden", message, {
    hint: `use a token with that role; on the host: paddock token create -role ${role}`,
  });
}
