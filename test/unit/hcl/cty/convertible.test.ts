import { describe, expect, test } from "bun:test";
import { convert, Mismatch } from "../../../../src/hcl/cty/convert.ts";
import { isConvertible, unify } from "../../../../src/hcl/cty/convertible.ts";
import { boolean, text } from "../../../../src/hcl/cty/datum.ts";
import { ANY, BOOL, describeType, listOf, NUMBER, STRING, type Type } from "../../../../src/hcl/cty/type.ts";

const setOf = (element: Type): Type => ({ kind: "set", element });
const mapOf = (element: Type): Type => ({ kind: "map", element });
const tupleOf = (...elements: Type[]): Type => ({ kind: "tuple", elements });
const objectOf = (attributes: Readonly<Record<string, Type>>): Type => ({
  kind: "object",
  attributes: new Map(Object.entries(attributes)),
});

test.each([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
])("text %j is a boolean", (written, value) => {
  expect(convert(text(written), BOOL)).toEqual(boolean(value));
});

test.each(["", "yes", "TRUE", "2", " true"])("text %j is no boolean", (written) => {
  expect(() => convert(text(written), BOOL)).toThrow(Mismatch);
});

describe("a conversion", () => {
  test.each<[string, Type, Type, boolean, boolean]>([
    ["a number to text", NUMBER, STRING, true, true],
    ["text to a number", STRING, NUMBER, false, true],
    ["a list to a set", listOf(STRING), setOf(STRING), false, true],
    ["a set to a list", setOf(STRING), listOf(STRING), true, true],
    ["a tuple to a shorter one", tupleOf(STRING, STRING), tupleOf(STRING), false, false],
    ["a null to text", ANY, STRING, false, true],
    ["a map to an object", mapOf(STRING), objectOf({ a: STRING }), false, true],
    ["an object to one of more attributes", objectOf({ a: STRING }), objectOf({ a: STRING, b: STRING }), false, false],
    ["an object to one of fewer", objectOf({ a: STRING, b: STRING }), objectOf({ a: STRING }), true, true],
    ["a number to a boolean", NUMBER, BOOL, false, false],
  ])("of %s", (_, from, to, safe, bold) => {
    expect([isConvertible(from, to, "safe"), isConvertible(from, to, "any")]).toEqual([safe, bold]);
  });
});

describe("what types have in common", () => {
  test.each<[string, Type[], string | undefined]>([
    ["numbers and text", [NUMBER, STRING], "text"],
    ["numbers and booleans", [NUMBER, BOOL], undefined],
    ["a list and a null", [listOf(STRING), ANY], "null"],
    ["text and a null", [STRING, ANY], "text"],
    ["tuples of different lengths", [tupleOf(NUMBER), tupleOf(STRING, STRING)], "a list of text"],
    ["objects of different names", [objectOf({ a: NUMBER }), objectOf({ b: STRING })], "a map of text"],
    ["a list and a tuple", [listOf(STRING), tupleOf(NUMBER)], "a list of text"],
    ["an object and a tuple", [objectOf({ a: STRING }), tupleOf(STRING)], undefined],
    ["nothing", [], undefined],
  ])("%s", (_, types, common) => {
    const found = unify(types, "any");
    expect(found && describeType(found)).toBe(common);
  });

  test("of more types than anybody brings together nothing is", () => {
    const types = Array.from({ length: 201 }, (_, at) => objectOf({ [`a${at}`]: STRING }));
    expect(unify(types.slice(1), "any")).toEqual(mapOf(STRING));
    expect(unify(types, "any")).toBeUndefined();
  });
});
