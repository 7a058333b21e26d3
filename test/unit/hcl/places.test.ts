import { describe, expect, test } from "bun:test";
import { createReporter } from "../../../src/hcl/places.ts";
import { carBlock, fromHcl } from "../../helpers/car-block.ts";

describe("places", () => {
  const source =
    'car "a" {\n  color = "red"\n  wheel "small" {\n    size = 3\n  }\n  wheel "big" {\n    size = 20\n  }\n}';

  test("lists that JSON keeps apart are in its order, and places follow their values", () => {
    const { value, places } = fromHcl(carBlock, source);
    expect(value.car.wheels.map(({ name }) => name)).toEqual(["big", "small"]);
    expect(places.get("car.wheels[0].size")?.span?.start.line).toBe(7);
    expect(places.get("car.wheels[1].size")?.span?.start.line).toBe(4);
  });

  test("a default is told at the block around it", () => {
    const { places, diagnostics } = fromHcl(carBlock, source);
    createReporter(places, diagnostics, "car").at("wheels[0]").must("spokes", "be 5");
    createReporter(places, diagnostics, "car").must("engine.power", "be 100");
    expect(diagnostics).toMatchObject([
      { where: 'car "a", wheel "big"', message: "spokes must be 5", span: { start: { line: 6 } } },
      { where: 'car "a"', message: "engine.power must be 100", span: { start: { line: 1 } } },
    ]);
  });

  test("nothing more is told about what is wrong or missing already", () => {
    const { places, diagnostics } = fromHcl(carBlock, 'car "a" {\n  doors = 9\n}');
    const before = diagnostics.length;
    createReporter(places, diagnostics, "car").must("doors", "be 4");
    createReporter(places, diagnostics, "car").error("color", "is wrong");
    expect(diagnostics.length).toBe(before);
  });

  test("a value that came without text is told by its path", () => {
    const diagnostics: Parameters<typeof createReporter>[1] = [];
    createReporter(new Map(), diagnostics).at("wheels[1]").must("size", "be even");
    expect(diagnostics).toMatchObject([{ message: "wheels[1].size must be even", span: undefined, where: undefined }]);
  });
});
