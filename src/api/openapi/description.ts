import * as v from "valibot";
import type { ErrorStatus } from "../errors.ts";

/** JSON Schema, as far as parameters need it. */
export interface ParameterSchema {
  readonly type: "string" | "integer" | "boolean" | "array";
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly default?: string | number | boolean;
  readonly items?: ParameterSchema;
}

/** A parameter of the query. */
export interface Parameter {
  readonly name: string;
  readonly description: string;
  readonly required?: true;
  readonly schema: ParameterSchema;
}

/** What a 200 holds. */
export type Content =
  /** One JSON value. */
  | { readonly kind: "json"; readonly schema: v.GenericSchema }
  /** JSON objects one behind the other, as `application/json`: Nomad's name for it. */
  | { readonly kind: "frames"; readonly schema: v.GenericSchema }
  | { readonly kind: "text" | "exposition" | "bytes" | "websocket" };

/** What clients are told of a route, and what tests hold its replies to. */
export interface RouteDescription {
  /** One line for people. */
  readonly summary: string;
  readonly query?: readonly Parameter[];
  /** The body of a request; `bytes` is none that has a schema. */
  readonly request?: { readonly schema: v.GenericSchema; readonly optional?: true } | "bytes";
  /** More than one where the query says which. */
  readonly replies: readonly Content[];
  /** The reply has `X-Nomad-Index` and its like. */
  readonly indexed?: true;
  /** Statuses of errors besides those that every route has. */
  readonly errors: readonly ErrorStatus[];
}

export type RouteDescriptions = Readonly<Record<string, RouteDescription>>;

/** What every route may be refused with: without a right, too often, when something breaks, and when the agent cannot just now. */
export const EVERYWHERE: readonly ErrorStatus[] = [403, 429, 500, 503];

/** Options of the functions below. */
export interface More {
  readonly query?: readonly Parameter[];
  readonly errors?: readonly ErrorStatus[];
}

const flagSchema: ParameterSchema = { type: "boolean", default: false };

/** A parameter that is true or false. */
export const flag = (name: string, description: string): Parameter => ({ name, description, schema: flagSchema });

/** A parameter that is a whole number from 0 on. */
export const count = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
});

export const text = (name: string, description: string): Parameter => ({
  name,
  description,
  schema: { type: "string" },
});

/** A parameter that is one of some words, of which the first may be what its absence means. */
export const word = (name: string, words: readonly string[], description: string): Parameter => ({
  name,
  description,
  schema: { type: "string", enum: words },
});

/** Made of a parameter that has to be there. */
export const needed = (parameter: Parameter): Parameter => ({ ...parameter, required: true });

/** `index` and `wait`: the reply is held back until something has changed. */
const BLOCKING: readonly Parameter[] = [
  count("index", "Hold the reply back until something has changed since this index, the one of X-Nomad-Index."),
  text("wait", "For how long at most, as a duration such as 30s; 5m unless given, 10m at most."),
];

/** What a list may be asked for. */
const LISTING: readonly Parameter[] = [
  text("filter", 'An expression of go-bexpr, such as Status == "running".'),
  flag("reverse", "The list the other way round."),
  count("per_page", "Most items of one reply; 0 for all."),
  text("next_token", "Where a page begins: X-Nomad-NextToken of the page before it."),
];

/** Parameters that many routes have. */
export const SHARED: readonly Parameter[] = [...BLOCKING, ...LISTING];

/** A list as it is read. */
export const list = (item: v.GenericSchema): v.GenericSchema => v.array(item);

/** A read of records, which may wait for a change. */
export function read(summary: string, schema: v.GenericSchema, { query = [], errors = [] }: More = {}) {
  const listing = schema.type === "array" ? LISTING : [];
  return {
    summary,
    query: [...query, ...BLOCKING, ...listing],
    replies: [{ kind: "json", schema }],
    indexed: true,
    errors: [400, ...errors],
  } as const satisfies RouteDescription;
}

/** A read of what is no record: there is no waiting for a change of it. */
export function look(summary: string, replies: readonly Content[], { query = [], errors = [] }: More = {}) {
  return { summary, query, replies, indexed: true, errors: [400, ...errors] } as const satisfies RouteDescription;
}

/** Something that is done, without or with a body that tells what. */
export function change(
  summary: string,
  reply: v.GenericSchema,
  { query = [], errors = [], request }: More & Pick<RouteDescription, "request"> = {},
): RouteDescription {
  return {
    summary,
    query,
    ...(request === undefined ? {} : { request }),
    replies: [{ kind: "json", schema: reply }],
    errors: [400, 413, ...errors],
  };
}

export const json = (schema: v.GenericSchema): Content => ({ kind: "json", schema });
export const frames = (schema: v.GenericSchema): Content => ({ kind: "frames", schema });
