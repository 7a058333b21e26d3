import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020";
import * as v from "valibot";
import type { ErrorStatus } from "../../../../src/api/errors.ts";
import { testApi } from "../../../helpers/api.ts";
import { contractSchemas, type Examples, makeDocument, OPENAPI_FILE } from "../../../helpers/openapi.ts";
import { allocation, evaluation, jobRecord } from "../../../helpers/records.ts";

/** What the API says of a job with one machine, and of what goes wrong. */
async function makeExamples(): Promise<Examples> {
  const { agent, send } = testApi();
  agent.put({ job: jobRecord(), allocation: allocation(), evaluation: evaluation() });
  const read = async (path: string): Promise<unknown> => await (await send("GET", path)).json();
  const job = await read("/v1/job/web");
  const errors: Partial<Record<ErrorStatus, string>> = {};
  for (const [method, path, body] of [
    ["GET", "/v1/job/nothing"],
    ["GET", "/v1/jobs?per_page=many"],
    ["PUT", "/v1/job/web/revert", { JobVersion: 0 }],
    ["DELETE", "/v1/jobs"],
    ["GET", "/v1/vars"],
  ] as const) {
    const reply = await send(method, path, body);
    errors[reply.status as ErrorStatus] = await reply.text();
  }
  return {
    schemas: {
      Job: job,
      Allocation: await read(`/v1/allocation/${allocation().id}`),
      Evaluation: await read(`/v1/evaluation/${evaluation().id}`),
      RegisterRequest: { Job: job, EnforceIndex: true, JobModifyIndex: 11 },
    },
    errors,
  };
}

async function makeText(): Promise<string> {
  const document = await makeDocument(testApi().api.routes, await makeExamples());
  return `${JSON.stringify(document, null, 1)}\n`;
}

test("the document is what routes and schemas say now; UPDATE_GOLDEN=1 writes it", async () => {
  const text = await makeText();
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(OPENAPI_FILE, text);
  expect(readFileSync(OPENAPI_FILE, "utf8") === text).toBe(true);
});

test("the document is OpenAPI 3.1", async () => {
  const validator = new Validator();
  const result = await validator.validate(JSON.parse(readFileSync(OPENAPI_FILE, "utf8")));
  expect(result).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

interface Parsed {
  readonly paths: Record<string, Record<string, { readonly operationId: string }>>;
  readonly components: {
    readonly schemas: Record<string, { readonly examples?: readonly unknown[] }>;
    readonly responses: Record<string, { content: { "text/plain": { example?: string } } }>;
  };
}

const parsed = (): Parsed => JSON.parse(readFileSync(OPENAPI_FILE, "utf8"));

test("every reference is to something that is there, and every operation has a name of its own", () => {
  const document = parsed();
  const text = JSON.stringify(document);
  for (const [, path = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = path.split("/").reduce<unknown>((at, name) => (at as Record<string, unknown>)?.[name], document);
    expect({ path, found: typeof found }).toEqual({ path, found: "object" });
  }
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path).map((one) => one.operationId));
  expect(ids).toHaveLength(testApi().api.routes.length);
  expect(new Set(ids).size).toBe(ids.length);
});

test("every example is of its schema, by JSON Schema and by the contract", async () => {
  const document = parsed();
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ ...document, $id: "paddock:openapi" });
  const schemas = await contractSchemas();
  const examples = Object.entries(document.components.schemas).flatMap(([name, { examples = [] }]) =>
    examples.map((example) => ({ name, example })),
  );
  expect(examples.map(({ name }) => name)).toEqual(["Allocation", "Evaluation", "Job", "RegisterRequest"]);
  for (const { name, example } of examples) {
    const isValid = ajv.validate(`paddock:openapi#/components/schemas/${name}`, example);
    expect({ name, isValid, errors: ajv.errors }).toEqual({ name, isValid: true, errors: null });
    expect(v.is(schemas[name] ?? v.never(), example)).toBe(true);
  }
  const lines = Object.values(document.components.responses).flatMap((response) => {
    const { example } = response.content["text/plain"];
    return example === undefined ? [] : [example];
  });
  expect(lines).toHaveLength(5);
});

test("the agent answers with the document and its own version", async () => {
  const reply = await testApi().send("GET", "/v1/openapi.json");
  expect(reply.headers.get("content-type")).toBe("application/json");
  const { info, ...rest } = parsed() as unknown as { info: object };
  expect(await reply.json()).toEqual({ ...rest, info: { ...info, version: "1.2.3" } });
});
