import type { Duration } from "../base/units.ts";

/** A `service` of a group or task, canonical: every name and default filled in, `${…}` of the run time still in its texts. */
export interface Service {
  readonly name: string;
  /** Nothing is registered anywhere: with `nomad` the agent's own API lists it. */
  readonly provider: "consul" | "nomad";
  /** The label of a port, or a number of the host; "" when it has none. */
  readonly port: string;
  readonly tags: readonly string[];
  readonly address_mode: string;
  readonly on_update: OnUpdate;
  /** The task that it belongs to, "" for a service of the group. */
  readonly task: string;
  readonly checks: readonly Check[];
  /** As it was written, for whoever reads the job; its checks have what follows from it. Absent where it says none. */
  readonly check_restart?: (Omit<CheckRestart, "grace"> & { readonly grace: Duration | undefined }) | undefined;
}

/** What a failing check means for an update; `ignore` makes it one of readiness alone. */
export type OnUpdate = "require_healthy" | "ignore_warnings" | "ignore";

export interface Check {
  readonly name: string;
  readonly type: "tcp" | "http";
  readonly path: string;
  readonly method: string;
  readonly protocol: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
  /** As a service's; "" for that of the service. */
  readonly port: string;
  readonly address_mode: string;
  readonly interval: Duration;
  readonly timeout: Duration;
  readonly initial_status: string;
  readonly on_update: OnUpdate;
  /** The task that is restarted, "" for every task of the group. */
  readonly task: string;
  /** How many successes, or failures, in a row change its status; 0 counts as 1. */
  readonly success_before_passing: number;
  readonly failures_before_critical: number;
  readonly tls_skip_verify: boolean;
  readonly tls_server_name: string;
  /** Null when it restarts nothing. */
  readonly check_restart: CheckRestart | null;
}

export interface CheckRestart {
  /** So many failures in a row restart the task; 0 never. */
  readonly limit: number;
  /** From the start of the task on, failures do not count for so long. */
  readonly grace: Duration;
  readonly ignore_warnings: boolean;
}

/** Where a service stands, for the names that follow from it. */
export interface ServicePlace {
  readonly job: string;
  readonly group: string;
  /** Undefined for a service of the group. */
  readonly task: string | undefined;
}

/** Fills in names that hang on where a service stands, by Nomad's rules (NOMAD.md 1.6). */
export function nameService(service: Service, { job, group, task }: ServicePlace): Service {
  // Nomad calls the place of a group's service by this word.
  const inner = task ?? "group";
  const words: Readonly<Record<string, string>> = {
    JOB: job,
    TASKGROUP: group,
    TASK: inner,
    BASE: `${job}-${group}-${inner}`,
  };
  const fallback = task === undefined ? `${job}-${group}` : `${job}-${group}-${task}`;
  const name = (service.name || fallback).replace(/\$\{(JOB|TASKGROUP|TASK|BASE)\}/g, (_, word) => words[word] ?? "");
  const owner = service.task || (task ?? "");
  return {
    ...service,
    name,
    task: owner,
    checks: service.checks.map((check) => ({
      ...check,
      name: check.name || `service: "${name}" check`,
      task: check.task || owner,
    })),
  };
}
