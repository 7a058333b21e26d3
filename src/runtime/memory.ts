import { runtimeKind } from "./kind.ts";

/** Has the collector look for garbage of this thread now; nothing where the runtime does not let itself be asked. */
export function collectGarbage(): void {
  if (runtimeKind === "bun") Bun.gc(true);
}
