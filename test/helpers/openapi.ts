import { readdirSync } from "node:fs";
import { join } from "node:path";
import { toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { ROUTE_ROLES, routeKey } from "../../src/api/access/roles.ts";
import type { ErrorStatus } from "../../src/api/errors.ts";
import {
  type Content,
  EVERYWHERE,
  type Parameter,
  type RouteDescription,
  SHARED,
} from "../../src/api/openapi/description.ts";
import { ROUTE_DESCRIPTIONS } from "../../src/api/openapi/routes.ts";
import type { Role } from "../../src/contract/role.ts";
import { HOME } from "./steps.ts";

export const OPENAPI_FILE = join(HOME, "src", "api", "openapi", "openapi.json");

/** Examples of components by their names, and of errors by their statuses. */
export interface Examples {
  readonly schemas: Readonly<Record<string, unknown>>;
  readonly errors: Readonly<Partial<Record<ErrorStatus, string>>>;
}

type Json = Readonly<Record<string, unknown>>;
type Schemas = Readonly<Record<string, v.GenericSchema>>;

const CONTRACT = join(HOME, "src", "contract");

/** Every schema that the contract exports, by its name without `Schema`. @throws when two have one name. */
export async function contractSchemas(): Promise<Schemas> {
  const found = new Map<string, v.GenericSchema>();
  for (const file of readdirSync(CONTRACT)
    .filter((name) => name.endsWith(".ts"))
    .toSorted()) {
    const exported: Record<string, unknown> = await import(join(CONTRACT, file));
    for (const [name, schema] of Object.entries(exported)) {
      if (!name.endsWith("Schema")) continue;
      const short = name.slice(0, -"Schema".length);
      if (found.has(short)) throw new Error(`two schemas of src/contract are called ${name}`);
      found.set(short, schema as v.GenericSchema);
    }
  }
  return Object.fromEntries([...found].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** JSON Schema of every schema of the contract, each a component of the document. */
function componentSchemas(schemas: Schemas, examples: Examples["schemas"]): Json {
  const converted = toJsonSchemaDefs(schemas, { ...CONVERSION, errorMode: "throw" });
  return Object.fromEntries(
    Object.entries(converted).map(([name, schema]) => {
      const example = examples[name];
      return [name, { ...tidy(schema), ...(example === undefined ? {} : { examples: [example] }) }];
    }),
  );
}

const CONVERSION = {
  target: "draft-2020-12",
  // What a client sends; replies are the same on both sides.
  typeMode: "input",
  overrideRef: ({ referenceId }: { readonly referenceId: string }) => `#/components/schemas/${referenceId}`,
} as const;

/** Without the dialect, which is OpenAPI's own, and without definitions, which are components. */
function tidy(schema: object): Json {
  const { $schema, $defs, ...rest } = schema as Json;
  return rest;
}

const ERROR_NAMES: Readonly<Record<ErrorStatus, readonly [name: string, description: string]>> = {
  400: ["Invalid", "The request is not understood, or asks for what cannot be."],
  403: ["Forbidden", "No token, one that is none, one whose role is too low, or a request of a foreign web page."],
  404: ["NotFound", "There is no such thing."],
  405: ["MethodNotAllowed", "The route has other methods; the header Allow names them."],
  409: ["Conflict", "Not in the state that things are in now."],
  413: ["TooLarge", "The body of the request is too long."],
  426: ["UpgradeRequired", "The route is a WebSocket."],
  429: ["TooMany", "Too many requests of this address."],
  500: ["Failed", "Something broke: the agent, an image, a download."],
  501: ["NotSupported", "Nomad has it and this program does not; the reason stands there."],
  503: ["Unavailable", "Not now: the agent stops, or something that it needs does not answer."],
  504: ["Timeout", "It took too long."],
};

function errorResponses(examples: Examples["errors"]): Json {
  return Object.fromEntries(
    Object.entries(ERROR_NAMES).map(([status, [name, description]]) => {
      const example = examples[Number(status) as ErrorStatus];
      const content = {
        schema: { $ref: "#/components/schemas/Error" },
        ...(example === undefined ? {} : { example }),
      };
      return [name, { description, content: { "text/plain": content } }];
    }),
  );
}

const ERROR = {
  type: "string",
  description: "What is wrong, where, and what to do about it: the last in lines that begin with `hint:`.",
} as const;

const INDEX_HEADERS = ["X-Nomad-Index", "X-Nomad-KnownLeader", "X-Nomad-LastContact"];

/** How the document names a path: `/v1/job/{id}`. */
const braced = (path: string): string => path.replaceAll(/:(\w+)/g, "{$1}");

function operationId(method: string, path: string): string {
  const words = path.split(/[/.]/).filter((word) => word !== "" && word !== "v1");
  const named = words.map((word) => (word.startsWith(":") ? `By-${word.slice(1)}` : word)).join("-");
  return `${method.toLowerCase()}-${named}`.replaceAll(/-+(\w)/g, (_, letter: string) => letter.toUpperCase());
}

class Operations {
  readonly #names: ReadonlyMap<v.GenericSchema, string>;
  readonly #schemas: Schemas;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
    this.#names = new Map(Object.entries(schemas).map(([name, schema]) => [schema, name]));
  }

  describe(method: string, path: string): Json {
    const key = routeKey(method, path);
    const route = ROUTE_DESCRIPTIONS[key];
    const role = ROUTE_ROLES[key];
    if (route === undefined || role === undefined) throw new Error(`${key} is not described`);
    const { request } = route;
    return {
      operationId: operationId(method, path),
      summary: route.summary,
      description: `Needs the role ${role}.`,
      "x-paddock-role": role satisfies Role,
      parameters: [...pathParameters(path), ...(route.query ?? []).map(sharedOrOwn)],
      ...(request === undefined ? {} : { requestBody: this.#requestBody(request) }),
      responses: { ...this.#success(route), ...errorRefs(route) },
    };
  }

  #requestBody(request: NonNullable<RouteDescription["request"]>): Json {
    if (request === "bytes") return { required: true, content: { "application/octet-stream": {} } };
    return {
      required: request.optional !== true,
      content: { "application/json": { schema: this.#schema(request.schema) } },
    };
  }

  #success({ replies, indexed, query = [] }: RouteDescription): Json {
    if (replies.some(({ kind }) => kind === "websocket")) {
      return { "101": { description: "The WebSocket is open; ConsoleFrame is what its text frames hold." } };
    }
    const content = Object.fromEntries(replies.map((reply) => this.#content(reply)));
    const names = [
      ...(indexed ? INDEX_HEADERS : []),
      ...(query.some(({ name }) => name === "next_token") ? ["X-Nomad-NextToken"] : []),
    ];
    const headers = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
    return { "200": { description: "Done.", ...(names.length === 0 ? {} : { headers }), content } };
  }

  #content(reply: Content): readonly [type: string, content: Json] {
    switch (reply.kind) {
      case "json":
        return ["application/json", { schema: this.#schema(reply.schema) }];
      case "frames": {
        const description = "JSON objects one behind the other, with or without line ends between them.";
        return ["application/json", { schema: { description, "x-paddock-frame": this.#schema(reply.schema) } }];
      }
      case "text":
      case "exposition":
        return ["text/plain", { schema: { type: "string" } }];
      case "bytes":
      case "websocket":
        return ["application/octet-stream", {}];
    }
  }

  #schema(schema: v.GenericSchema): Json {
    const name = this.#names.get(schema);
    if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
    return tidy(toJsonSchema(schema, { ...CONVERSION, definitions: { ...this.#schemas }, errorMode: "throw" }));
  }
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1 },
  }));
}

const queryParameter = ({ name, ...rest }: Parameter): Json => ({ name, in: "query", ...rest });

const sharedOrOwn = (parameter: Parameter): Json =>
  SHARED.includes(parameter) ? { $ref: `#/components/parameters/${parameter.name}` } : queryParameter(parameter);

function errorRefs({ errors }: RouteDescription): Json {
  const statuses = [...new Set([...EVERYWHERE, ...errors])].toSorted((one, other) => one - other);
  return Object.fromEntries(
    statuses.map((status) => [status, { $ref: `#/components/responses/${ERROR_NAMES[status][0]}` }]),
  );
}

/** The OpenAPI document of some routes. */
export async function makeDocument(
  routes: readonly { readonly method: string; readonly path: string }[],
  examples: Examples,
): Promise<Json> {
  const schemas = await contractSchemas();
  const operations = new Operations(schemas);
  const paths = Object.groupBy(
    routes.toSorted((one, other) => (one.path < other.path ? -1 : 1)),
    ({ path }) => braced(path),
  );
  const count = { schema: { type: "integer", minimum: 0 } };
  return {
    openapi: "3.1.0",
    info: { title: "paddock", version: "0", license: { name: "MIT", identifier: "MIT" }, description: DESCRIPTION },
    servers: [{ url: "/" }],
    security: [{ token: [] }, { bearer: [] }, {}],
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, list = []]) => [
        path,
        Object.fromEntries(
          list.map(({ method, path: own }) => [method.toLowerCase(), operations.describe(method, own)]),
        ),
      ]),
    ),
    components: {
      schemas: { ...componentSchemas(schemas, examples.schemas), Error: ERROR },
      parameters: Object.fromEntries(SHARED.map((parameter) => [parameter.name, queryParameter(parameter)])),
      responses: errorResponses(examples.errors),
      headers: {
        "X-Nomad-Index": { description: "Of the newest change that the reply knows of.", ...count },
        "X-Nomad-KnownLeader": { description: "Always true.", schema: { type: "boolean" } },
        "X-Nomad-LastContact": { description: "Always 0.", ...count },
        "X-Nomad-NextToken": { description: "Where the next page begins.", schema: { type: "string" } },
      },
      securitySchemes: {
        token: { type: "apiKey", in: "header", name: "X-Nomad-Token" },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
  };
}

const DESCRIPTION = [
  "Nomad's HTTP API as far as it has a meaning on one host, and what Nomad has no word for.",
  "The unix socket needs no token: its file says who may. Every other request needs one, and a role.",
  "GET routes answer HEAD, too. Parameters that are not named are passed over, as are members of requests.",
  "What Nomad has and paddock does not answers 501 with the reason.",
].join(" ");
