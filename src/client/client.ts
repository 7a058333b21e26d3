import * as v from "valibot";
import type { Clock } from "../base/clock.ts";
import { AppError } from "../base/errors.ts";
import type { JsonObject } from "../hcl/encode.ts";
import { type Address, formatAddress } from "./address.ts";
import { ExplainSchema } from "./explanation.ts";
import { type Tell, whileItLives } from "./patience.ts";
import * as replies from "./replies.ts";
import { type ApiRequest, readText, sendRequest } from "./request.ts";
import { type Begin, type LogOptions, type LogPiece, readChunks, readFrames, readLog } from "./streams.ts";
import { WhySchema } from "./why.ts";

/** A job file as it was handed in, which the agent keeps. */
export interface Submission {
  readonly Source: string;
  readonly Format: "hcl2" | "json";
}

/** How a stop differs from what the job says. */
export interface StopOptions {
  /** `SIGTERM` or `SIGKILL`: ends QEMU by it without asking the guest. */
  readonly signal?: string | undefined;
  readonly noShutdownDelay?: boolean | undefined;
}

/** A reading that can be followed: what is asked for, and how the reply is read. */
export interface Question<T> {
  readonly target: string;
  readonly schema: v.GenericSchema<unknown, T>;
}

/** The agent's HTTP API. Every call throws AppError: the agent's refusal in its own words, or `unavailable`. */
export interface Client {
  readonly address: Address;
  /** A reply as it came, for people who want JSON. */
  readJson(target: string, signal?: AbortSignal): Promise<unknown>;
  read<T>(question: Question<T>, signal?: AbortSignal): Promise<T>;
  /** A reply that is no JSON, byte by byte. */
  readBytes(target: string, signal?: AbortSignal): Promise<Uint8Array>;
  /** The reply now and after every change of anything, by blocking queries; ends when `signal` aborts, with its reason. */
  watch<T>(question: Question<T>, signal?: AbortSignal): AsyncGenerator<T>;
  registerJob(job: JsonObject, submission: Submission, only?: replies.OnlyAtIndex): Promise<replies.Registered>;
  deregisterJob(
    id: string,
    options: StopOptions & { readonly purge: boolean; readonly discard?: boolean },
    signal?: AbortSignal,
  ): Promise<replies.Registered>;
  stopAllocation(id: string, options: StopOptions): Promise<replies.Registered>;
  /** @param task "" for every task. */
  restartAllocation(id: string, task: string): Promise<void>;
  /** @param task "" for every task. */
  signalAllocation(id: string, task: string, signal: string): Promise<void>;
  powerMachine(allocationId: string, task: string, action: string): Promise<replies.PowerOutcome>;
  readLog(allocationId: string, task: string, options: LogOptions): AsyncGenerator<LogPiece>;
  /** A reply of frames that does not end by itself; what is asked of it is told again by the schema. */
  readFrames<T>(question: Question<T>, signal: AbortSignal): AsyncGenerator<T>;
  /** A reply of bytes, as they come. */
  readChunks(target: string, signal: AbortSignal): AsyncGenerator<Uint8Array>;
  /** Asks for a change. */
  change<T>(method: "PUT" | "DELETE", question: Question<T>, body?: unknown): Promise<T>;
  /** Asks for a change that takes its time, and tells how it goes on; it is given up when `signal` aborts. */
  follow<T>(question: Question<T>, body: unknown, signal: AbortSignal): AsyncGenerator<T>;
}

const encode = encodeURIComponent;

/** What can be asked. Ids may hold any character. */
export const ask = {
  jobs: () => ({ target: "/v1/jobs", schema: v.array(replies.JobEntrySchema) }),
  validateJob: () => ({ target: "/v1/validate/job", schema: replies.ValidatedSchema }),
  job: (id: string) => ({ target: `/v1/job/${encode(id)}`, schema: replies.JobInfoSchema }),
  jobAllocations: (id: string) => ({
    target: `/v1/job/${encode(id)}/allocations?resources=true`,
    schema: v.array(replies.AllocationSchema),
  }),
  jobEvaluations: (id: string) => ({
    target: `/v1/job/${encode(id)}/evaluations`,
    schema: v.array(replies.EvaluationSchema),
  }),
  evaluation: (id: string) => ({ target: `/v1/evaluation/${encode(id)}`, schema: replies.EvaluationSchema }),
  /** @param prefix hexadecimal digits and dashes. */
  allocations: (prefix = "") => ({
    target: `/v1/allocations?resources=true&prefix=${encode(prefix)}`,
    schema: v.array(replies.AllocationSchema),
  }),
  allocation: (id: string) => ({ target: `/v1/allocation/${encode(id)}`, schema: replies.AllocationSchema }),
  checks: (id: string) => ({ target: `/v1/client/allocation/${encode(id)}/checks`, schema: replies.ChecksSchema }),
  /** With what costs the agent more to find out. */
  usage: (id: string) => ({
    target: `/v1/client/allocation/${encode(id)}/stats?detail=true`,
    schema: replies.UsageSchema,
  }),
  metrics: () => ({ target: "/v1/metrics", schema: replies.MetricsSchema }),
  nodes: (prefix = "") => ({ target: `/v1/nodes?prefix=${encode(prefix)}`, schema: v.array(replies.NodeEntrySchema) }),
  node: (id: string) => ({ target: `/v1/node/${encode(id)}`, schema: replies.NodeInfoSchema }),
  self: () => ({ target: "/v1/agent/self", schema: replies.SelfSchema }),
  explain: (allocationId: string, task: string) => ({
    target: `/v1/vm/${encode(allocationId)}/${encode(task)}/explain`,
    schema: ExplainSchema,
  }),
  /** @param generation which start; undefined for the newest that has ended. */
  why: (allocationId: string, task: string, generation?: number) => ({
    target: `/v1/vm/${encode(allocationId)}/${encode(task)}/why${generation === undefined ? "" : `?generation=${generation}`}`,
    schema: WhySchema,
  }),
} satisfies Record<string, (...args: never[]) => Question<unknown>>;

/**
 * A client of the agent at an address; nothing is sent before the first call.
 * @param tell is told when the agent does not answer and is waited for.
 * @param interrupt gives up what is waited for.
 */
export function createClient(address: Address, clock?: Clock, tell?: Tell, interrupt?: AbortSignal): Client {
  const patiently = <T>(request: ApiRequest, work: (request: ApiRequest) => Promise<T>): Promise<T> =>
    whileItLives(address, request, work, { send: sendRequest, clock, tell, interrupt });
  const exchange = <T>(asked: ApiRequest, schema: v.GenericSchema<unknown, T>) =>
    patiently(asked, async (request) => {
      const response = await sendRequest(address, request);
      const value = parseReply(address, request, schema, await readText(address, response, request.signal));
      return { value, index: Number(response.headers.get("x-nomad-index")) };
    });
  const begin: Begin = (asked) => patiently(asked, (request) => sendRequest(address, request));
  return {
    address,
    readJson: async (target, signal) => (await exchange({ target, signal }, v.unknown())).value,
    read: async ({ target, schema }, signal) => (await exchange({ target, signal }, schema)).value,
    readBytes: (target, signal) =>
      patiently(
        { target, signal },
        async (request) => new Uint8Array(await (await sendRequest(address, request)).arrayBuffer()),
      ),
    async *watch({ target, schema }, signal) {
      for (let index = 0; ; ) {
        const asked = index === 0 ? target : addQuery(target, `index=${index}&wait=${WAIT}`);
        const reply = await exchange({ target: asked, signal }, schema);
        yield reply.value;
        if (!(reply.index > 0))
          throw new AppError("internal", `the reply to GET ${pathOf(target)} has no X-Nomad-Index`);
        // An index that went back is that of an agent that lost its state: everything counts as new.
        index = reply.index < index ? 0 : reply.index;
      }
    },
    registerJob: async (job, submission, only) => {
      const body = { Job: job, Submission: submission, ...only };
      return (await exchange({ method: "PUT", target: "/v1/jobs", body }, replies.RegisteredSchema)).value;
    },
    deregisterJob: async (id, { purge, discard, ...options }, signal) => {
      const target = addQuery(
        `/v1/job/${encode(id)}?purge=${purge}${discard ? "&discard=true" : ""}`,
        stopQuery(options),
      );
      return (await exchange({ method: "DELETE", target, signal }, replies.RegisteredSchema)).value;
    },
    stopAllocation: async (id, options) => {
      const target = addQuery(`/v1/allocation/${encode(id)}/stop`, stopQuery(options));
      return (await exchange({ method: "PUT", target }, replies.RegisteredSchema)).value;
    },
    restartAllocation: async (id, task) => {
      const target = `/v1/client/allocation/${encode(id)}/restart`;
      await exchange({ method: "PUT", target, body: { TaskName: task } }, v.unknown());
    },
    signalAllocation: async (id, task, signal) => {
      const target = `/v1/client/allocation/${encode(id)}/signal`;
      await exchange({ method: "PUT", target, body: { Signal: signal, Task: task } }, v.unknown());
    },
    powerMachine: async (allocationId, task, action) => {
      const target = `/v1/vm/${encode(allocationId)}/${encode(task)}/power`;
      const request = { method: "PUT", target, body: { Action: action } } as const;
      return (await exchange(request, replies.PowerOutcomeSchema)).value;
    },
    readLog: (allocationId, task, options) => readLog(begin, allocationId, task, options),
    change: async (method, { target, schema }, body) => (await exchange({ method, target, body }, schema)).value,
    readFrames: ({ target, schema }, signal) => readFrames(begin, { target, signal }, schema),
    readChunks: (target, signal) => readChunks(begin, { target, signal }),
    follow: ({ target, schema }, body, signal) => readFrames(begin, { method: "PUT", target, body, signal }, schema),
  };
}

/** How long the agent may keep a blocking query open. */
const WAIT = "60s";

function addQuery(target: string, query: string): string {
  if (query === "") return target;
  return `${target}${target.includes("?") ? "&" : "?"}${query}`;
}

function stopQuery({ signal, noShutdownDelay }: StopOptions): string {
  return new URLSearchParams({
    ...(signal === undefined ? {} : { signal }),
    ...(noShutdownDelay === true ? { no_shutdown_delay: "true" } : {}),
  }).toString();
}

function pathOf(target: string): string {
  return target.split("?")[0] ?? target;
}

function parseReply<T>(
  address: Address,
  { method = "GET", target }: ApiRequest,
  schema: v.GenericSchema<unknown, T>,
  text: string,
): T {
  const what = `the reply to ${method} ${pathOf(target)}`;
  const hint = `is it an agent of paddock that answers at ${formatAddress(address)}?`;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new AppError("internal", `${what} is not JSON`, { hint, cause });
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const expected = issue.expected ?? "another value";
  throw new AppError("internal", `${what} does not fit: ${v.getDotPath(issue) ?? "it"}: expected ${expected}`, {
    hint,
  });
}
