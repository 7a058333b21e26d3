/**
 * A health check of a machine as it is run: names and texts without `${…}`, times in milliseconds. Pure: what a result means is decided
 * here, how one is had is in `src/check`.
 */
export interface CheckSpec {
  /** Of this check of this allocation, stable over restarts of machine and agent. */
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** The task of the service, "" for one of the group. */
  readonly task: string;
  /** The tasks that a check that goes on failing restarts. */
  readonly restarts: readonly string[];
  readonly probe: Probe;
  readonly interval: number;
  readonly timeout: number;
  /** `on_update = "ignore"` makes it one of readiness, which says nothing about health. */
  readonly mode: "healthiness" | "readiness";
  readonly initial: CheckStatus;
  /** So many equal results in a row change the status; 1 at the least. */
  readonly successes: number;
  readonly failures: number;
  /** A failing check restarts after so many failures in a row, 0 never; none counts within `grace` after the start. */
  readonly limit: number;
  readonly grace: number;
}

/** What is asked. */
export type Probe =
  | { readonly type: "tcp"; readonly host: string; readonly port: number }
  | {
      readonly type: "http";
      readonly host: string;
      readonly port: number;
      readonly secure: boolean;
      readonly method: string;
      /** Path and query. */
      readonly path: string;
      readonly headers: Readonly<Record<string, readonly string[]>>;
      readonly body: string;
      readonly skipVerify: boolean;
      readonly serverName: string;
      /** Status 429 counts as a success: a warning that is ignored. */
      readonly ignoreWarnings: boolean;
    };

/** Nomad's words. */
export type CheckStatus = "pending" | "success" | "failure";

/** What came of one probe. */
export interface ProbeResult {
  readonly success: boolean;
  /** One line for people, control characters escaped. */
  readonly output: string;
  /** HTTP status; 0 for none. */
  readonly statusCode: number;
}

/** What is known of a check of a running machine. */
export interface CheckState {
  readonly status: CheckStatus;
  readonly output: string;
  readonly statusCode: number;
  /** Of the last probe, or when the check began; milliseconds since 1970. */
  readonly at: number;
  /** Results in a row that are like the last one. */
  readonly streak: number;
  readonly lastSucceeded: boolean | null;
  /** Failures in a row that count for a restart. */
  readonly unhealthy: number;
}

/** A check with what is known of it, for people and the API. */
export interface CheckReport {
  readonly spec: CheckSpec;
  readonly state: CheckState;
}

/** A check of which nothing is known yet. @param at milliseconds since 1970. */
export function newCheck(spec: CheckSpec, at: number): CheckState {
  return {
    status: spec.initial,
    output: "",
    statusCode: 0,
    at,
    streak: 0,
    lastSucceeded: null,
    unhealthy: 0,
  };
}

/**
 * What a result makes of a check. A status changes after as many equal results in a row as the check wants, as in Consul. A failure
 * counts for a restart when the check is failing and the machine's time of grace is over; a success begins the count anew.
 * @param startedAt of the machine, milliseconds since 1970.
 */
export function afterProbe(
  spec: CheckSpec,
  before: CheckState,
  result: ProbeResult,
  { at, startedAt }: { readonly at: number; readonly startedAt: number },
): CheckState {
  const { success, output, statusCode } = result;
  const streak = before.lastSucceeded === success ? before.streak + 1 : 1;
  const settled = streak >= (success ? spec.successes : spec.failures);
  const status = settled ? (success ? "success" : "failure") : before.status;
  const counts = !success && status === "failure" && at >= startedAt + spec.grace;
  const unhealthy = success ? 0 : before.unhealthy + (counts ? 1 : 0);
  return { status, output, statusCode, at, streak, lastSucceeded: success, unhealthy };
}

/** Whether a check has failed so often in a row that it restarts its tasks. */
export function wantsRestart(spec: CheckSpec, state: CheckState): boolean {
  return spec.limit > 0 && state.unhealthy >= spec.limit;
}

/** Nomad's words for why a check restarts a task. */
export function unhealthyText(spec: Pick<CheckSpec, "name">): string {
  return `healthcheck: check ${JSON.stringify(spec.name)} unhealthy`;
}

/** Health of an allocation by its checks of healthiness: null while one is pending or there is none. */
export function healthOf(reports: readonly CheckReport[]): boolean | null {
  const states = reports.filter(({ spec }) => spec.mode === "healthiness").map(({ state }) => state.status);
  if (states.includes("failure")) return false;
  return states.length === 0 || states.includes("pending") ? null : true;
}
