import type { Context } from "hono";
import { AppError } from "../../base/errors.ts";
import { covers, type Role } from "../../contract/role.ts";
import type { KnownToken } from "../../contract/token.ts";

/** Who sends a request. */
export type Caller =
  /** Whoever may open the unix socket: its file says who that is, and they may do everything. */
  | { readonly kind: "host" }
  | { readonly kind: "token"; readonly token: KnownToken /** Where it comes from. */; readonly address: string };

/** What stands beside a request: Hono's environment. */
export interface Beside {
  readonly caller: Caller;
}

/** Who sends the request that is handled. */
export function callerOf(c: Context): Caller {
  return (c.env as Beside).caller;
}

/** Whether the caller has a role, or more. */
export function hasRole(caller: Caller, role: Role): boolean {
  return caller.kind === "host" || covers(caller.token.role, role);
}

/** @param what asks for the role, for the message. @throws AppError `forbidden`. */
export function assertRole(caller: Caller, role: Role, what: string): void {
  if (caller.kind === "host" || covers(caller.token.role, role)) return;
  throw new AppError(
    "forbidden",
    `Permission denied: ${what} needs the role ${role}, this token has ${caller.token.role}`,
    {
      hint: `use a token with that role; on the host: paddock token create -role ${role}`,
    },
  );
}
