import { expect } from "bun:test";
import { decodeBody, decodeObject } from "../../src/hcl/decode.ts";
import {
  attribute,
  type Block,
  block,
  ignored,
  label,
  optional,
  passed,
  refused,
  required,
  single,
  sortedBlocks,
} from "../../src/hcl/describe.ts";
import { parseJson } from "../../src/hcl/json.ts";
import { duration, flag, integer, list, mapOf, mergedMap, text } from "../../src/hcl/leaf.ts";
import { parseHcl } from "../../src/hcl/parser.ts";
import type { Value } from "../../src/hcl/value.ts";

/** A wheel of `carBlock`. */
export const wheelBlock = block({
  name: label({ json: "Name" }),
  size: attribute(integer({ min: 1 }), { json: "Size", default: 0 }),
});

/** A block with a field of every kind there is. */
export const carBlock = block({
  name: label({ json: "Name", alsoAttribute: true }),
  color: attribute(text(), { json: "Color", required: true }),
  doors: attribute(integer({ min: 2, max: 5 }), { json: "Doors", default: 4 }),
  open: attribute(flag(), { json: "Open", default: false }),
  delay: attribute(duration(), { json: "Delay" }),
  tags: attribute(list(text()), { json: "Tags", default: [] }),
  notes: attribute(mapOf(text()), { json: "Notes", default: {}, form: "map", secret: true }),
  seats: attribute(mergedMap(integer()), { json: "Seats", default: {}, form: "maps" }),
  engine: single(block({ power: attribute(integer(), { json: "Power", default: 90 }) }), { json: "Engine" }),
  trailer: optional(block({ load: attribute(integer(), { json: "Load", default: 1 }) }), { json: "Trailer" }),
  wheels: sortedBlocks(wheelBlock, {
    name: "wheel",
    json: ["BigWheels", "Wheels"],
    place: (wheel) => (wheel.size > 10 ? "BigWheels" : "Wheels"),
  }),
  radio: ignored("makes no sound", {
    json: "Radio",
    neutral: { Band: "FM", Presets: [88, 94] },
    encoded: { Band: "AM" },
  }),
  rocket: refused("is not allowed", { json: "Rocket", hint: "drive slowly" }),
  built: passed("Built"),
});

/** Decodes HCL that has no syntax error. */
export function fromHcl<T>(of: Block<T>, source: string) {
  const { body, diagnostics } = parseHcl("car.hcl", source);
  expect(diagnostics).toEqual([]);
  return decodeBody(block({ car: required(of) }), body);
}

export function fromJson<T>(of: Block<T>, json: unknown) {
  const { value } = parseJson("car.json", JSON.stringify(json));
  return decodeObject(of, value as Value & { kind: "object" });
}

/** The diagnostics as lines: where, and what. */
export const told = (decoded: { diagnostics: readonly { message: string; where?: string | undefined }[] }) =>
  decoded.diagnostics.map(({ where, message }) => (where === undefined ? message : `${where}: ${message}`));

/** Decodes a car, with `body` behind its name and its colour. */
export const car = (body: string) => fromHcl(carBlock, `car "beetle" {\n  color = "red"\n${body}\n}`);
