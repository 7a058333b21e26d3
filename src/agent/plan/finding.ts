import type { AgentContext } from "../context.ts";

/** What a plan is made from; nothing of it is changed. */
export type PlanContext = Pick<
  AgentContext,
  "store" | "node" | "nodeComplete" | "dirs" | "garbage" | "policy" | "users" | "sources" | "site"
>;

/** What a job is about to meet on this host, one fact each. */
export interface Finding {
  readonly topic: "constraint" | "resource" | "port" | "image" | "artifact" | "disk";
  /** Where it stands, in the words of the job file: `job`, `group "web"`, `group "web", task "vm"`. */
  readonly where: string;
  /** False for what keeps the job from running. */
  readonly ok: boolean;
  /** For people, without secrets. */
  readonly text: string;
}
