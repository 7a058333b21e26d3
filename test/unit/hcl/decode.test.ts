import { describe, expect, test } from "bun:test";
import { decodeBody } from "../../../src/hcl/decode.ts";
import { attribute, block, blocks, converted, label, required, sameNames, single } from "../../../src/hcl/describe.ts";
import { integer } from "../../../src/hcl/leaf.ts";
import { parseHcl } from "../../../src/hcl/parser.ts";
import { car, carBlock, fromHcl, fromJson, told, wheelBlock } from "../../helpers/car-block.ts";

describe("decoding HCL", () => {
  test("what is not written has its default, and absent optional blocks are undefined", () => {
    const { value, diagnostics } = car("");
    expect(diagnostics).toEqual([]);
    expect(value.car).toEqual({
      name: "beetle",
      color: "red",
      doors: 4,
      open: false,
      delay: undefined,
      tags: [],
      notes: {},
      seats: {},
      engine: { power: 90 },
      trailer: undefined,
      wheels: [],
    });
  });

  test("numbers and booleans are converted between their text and themselves", () => {
    const { value, diagnostics } = car('doors = "3"\nopen = "true"\ntags = [1.50, true, "x"]\nnotes = { n = 1e3 }');
    expect(diagnostics).toEqual([]);
    expect(value.car).toMatchObject({ doors: 3, open: true, tags: ["1.5", "true", "x"], notes: { n: "1000" } });
  });

  test.each([
    ['"1"', true],
    ['"0"', false],
    ['"false"', false],
    ["true", true],
  ])("%s is a boolean", (written, open) => {
    expect(car(`open = ${written}`).value.car.open).toBe(open);
  });

  test("null counts as not written", () => {
    expect(car("doors = null\ntrailer {\n  load = null\n}").value.car).toMatchObject({
      doors: 4,
      trailer: { load: 1 },
    });
  });

  test("a map may be written as an attribute or a block, and repeated maps override each other", () => {
    expect(car("notes {\n  a = 1\n}").value.car.notes).toEqual({ a: "1" });
    expect(car("seats {\n  a = 1\n  b = 2\n}\nseats {\n  b = 3\n}").value.car.seats).toEqual({ a: 1, b: 3 });
    expect(car("seats = [{ a = 1 }, { a = 4 }]").value.car.seats).toEqual({ a: 4 });
  });

  test("names that objects of JavaScript have by themselves are names like others", () => {
    const { value } = car('notes = { __proto__ = "p", constructor = "c" }');
    expect(Object.entries(value.car.notes)).toEqual([
      ["__proto__", "p"],
      ["constructor", "c"],
    ]);
    expect(told(car("constructor = 1"))).toEqual(['car "beetle": unknown attribute "constructor"']);
  });

  test("an attribute of the label's name wins where it is allowed", () => {
    expect(car('name = "polo"').value.car.name).toBe("polo");
    expect(told(car('wheel "w" {\n  name = "v"\n}'))).toEqual(['car "beetle", wheel "w": unknown attribute "name"']);
  });

  test("every mistake is told at once, and the value stays whole", () => {
    const decoded = fromHcl(carBlock, 'car "a" {\n  doors = 9\n  open = "yes"\n  tags = ["x", []]\n  delay = "5"\n}');
    expect(told(decoded)).toEqual([
      'car "a": missing attribute "color"',
      'car "a": doors must be a whole number from 2 to 5, found 9',
      'car "a": open must be true or false, found "yes"',
      'car "a": delay must be a duration such as "30s" or "1h30m", or a number of nanoseconds, and not negative, found "5"',
      'car "a": tags[1] must be text, found a list',
    ]);
    expect(decoded.value.car).toMatchObject({ color: "", doors: 4, open: false, tags: ["x", ""] });
  });

  test("a misspelt required name is told once, with the name that was meant", () => {
    const decoded = fromHcl(carBlock, 'car "a" {\n  colour = "red"\n}');
    expect(told(decoded)).toEqual(['car "a": unknown attribute "colour"']);
    expect(decoded.diagnostics[0]?.hint).toBe('did you mean "color"?');
  });

  test("a name that is near to none is answered with the known ones, without those that mean nothing", () => {
    const decoded = fromHcl(wheelBlock, 'car "a" {\n  zzzzzzzz = 1\n}');
    expect(decoded.diagnostics[0]?.hint).toBe("known here: size");
    expect(car("qqqqqqqq = 1").diagnostics[0]?.hint).not.toContain("rocket");
  });

  test.each([
    ["engine = { power = 1 }", "engine is a block, found an attribute"],
    ["doors {}", "doors is an attribute, found a block"],
    ["engine {}\nengine {}", "engine stands twice; first on line 3"],
    ["notes = {}\nnotes {}", "notes stands twice; first on line 3"],
    ["notes {}\nnotes {}", "notes stands twice; first on line 3"],
    ["seats = {}\nseats {}", "seats stands twice; first on line 3"],
    ['notes "x" {}', "notes takes no label"],
    ["notes {\n  a {}\n}", "notes holds no blocks, found one"],
    ["wheel {}", "missing label: its name, in double quotes"],
    ['wheel "a" "b" {}', 'this block takes 1 label, found "b"'],
    ['engine "x" {}', 'this block takes no label, found "x"'],
  ])("%s is told as a wrong form", (body, message) => {
    expect(told(car(body)).join("\n")).toContain(message);
  });

  test("a known name without effect warns and a refused one fails, and neither is evaluated", () => {
    const decoded = car("radio {\n  x = var.unknown\n}\nrocket = local.unknown");
    expect(decoded.diagnostics.map(({ severity, message, hint }) => ({ severity, message, hint }))).toEqual([
      { severity: "warning", message: '"radio" makes no sound', hint: undefined },
      { severity: "error", message: '"rocket" is not allowed', hint: "drive slowly" },
    ]);
  });

  test("a value of a secret field is never printed, and its line is marked", () => {
    const decoded = car('notes = { pin = ["4711"] }');
    expect(decoded.diagnostics[0]).toMatchObject({ message: "notes.pin must be text, found a list", secret: true });
    const whole = car('notes = "4711"');
    expect(whole.diagnostics[0]).toMatchObject({ message: "notes must be a map, found text", secret: true });
    expect(car('notes = { pin = "${local.x}" }').diagnostics[0]).toMatchObject({ secret: true });
  });

  test.each(['note = "4711"', 'notes = {}\nnotes = { pin = "4711" }', 'notes = {}\nnotes "4711" {}'])(
    "the line of a secret field is marked also when its form or name is wrong: %s",
    (body) => {
      const { body: parsed } = parseHcl("car.hcl", `car "a" {\n  color = "red"\n${body}\n}`);
      const { diagnostics } = decodeBody(block({ car: required(carBlock) }), parsed);
      expect(diagnostics.map(({ secret }) => secret)).not.toContain(undefined);
    },
  );

  test("a found value is told by its kind when it is secret, and cut when it is long", () => {
    expect(told(car("notes = true"))).toEqual(['car "beetle": notes must be a map, found true or false']);
    expect(told(car("notes = 4711"))).toEqual(['car "beetle": notes must be a map, found a number']);
    expect(told(car(`doors = "${"x".repeat(100)}"`))[0]).toEndWith(`found "${"x".repeat(80)}…"`);
    expect(told(car('doors = "\\u001b[2J"'))[0]).toEndWith('found "\\x1b[2J"');
  });

  test("what an expression tells carries the block it stands in", () => {
    expect(told(car("doors = var.doors"))).toEqual(['car "beetle": no variables are known here: "var.doors"']);
  });

  test("behind a syntax error nothing is said to be missing", () => {
    const { body } = parseHcl("car.hcl", 'car "a" {\n  color "red"\n}');
    expect(decodeBody(block({ car: required(carBlock) }), body).diagnostics).toEqual([]);
  });

  test("a missing required block is told, and what would be in it is not", () => {
    const { body } = parseHcl("car.hcl", "");
    expect(told(decodeBody(block({ car: required(carBlock) }), body))).toEqual(['missing block "car"']);
  });

  test("an outermost block is not named", () => {
    const { body } = parseHcl("car.hcl", 'car "a" {\n  color = "red"\n  wheel "w" {\n    size = 0\n  }\n}');
    const decoded = decodeBody(block({ car: required(carBlock, { outermost: true }) }), body);
    expect(told(decoded)).toEqual(['wheel "w": size must be a whole number, 1 or more, found 0']);
  });

  test("a conversion reports at the place of what it judges", () => {
    const even = converted(wheelBlock, {
      read: (raw, at) => {
        if (raw.size % 2 === 1) at.must("size", "be even");
        return raw.size;
      },
      write: (size: number) => ({ name: "", size }),
    });
    const decoded = fromHcl(even, 'car "a" {\n  size = 3\n}');
    expect(decoded.value.car).toBe(3);
    expect(decoded.diagnostics[0]).toMatchObject({ where: 'car "a"', message: "size must be even" });
    expect(decoded.diagnostics[0]?.span?.start.line).toBe(2);
  });
});

describe("decoding JSON", () => {
  test("names are the ones of JSON whatever their case, and null is absent", () => {
    const { value, diagnostics } = fromJson(carBlock, {
      Name: "a",
      COLOR: "red",
      Doors: null,
      Notes: null,
      Wheels: null,
      Trailer: { Load: 3 },
      Built: 1999,
    });
    expect(diagnostics).toEqual([]);
    expect(value).toMatchObject({ name: "a", color: "red", doors: 4, trailer: { load: 3 }, wheels: [] });
  });

  test("where is the path in JSON", () => {
    const decoded = fromJson(carBlock, {
      Name: "a",
      Color: "red",
      Engine: { Power: "much" },
      Wheels: [{ Name: "w" }, { Name: "v", Size: 0, Sise: 4 }],
      Tags: "x",
    });
    expect(told(decoded)).toEqual([
      'Tags must be a list, found "x"',
      'Engine: Power must be a whole number, found "much"',
      'Wheels[1]: unknown key "Sise"',
      "Wheels[1]: Size must be a whole number, 1 or more, found 0",
    ]);
  });

  test("what other programs fill in by themselves is neither ignored aloud nor refused", () => {
    const quiet = { Name: "a", Color: "red", Radio: { Band: "FM", Loud: false }, Rocket: [], Later: false, Sooner: {} };
    expect(fromJson(carBlock, quiet).diagnostics).toEqual([]);
    expect(fromJson(carBlock, { ...quiet, Radio: { Band: "AM" } }).diagnostics).toEqual([]);
    expect(fromJson(carBlock, { ...quiet, Radio: { Presets: [88, 94] } }).diagnostics).toEqual([]);
    expect(told(fromJson(carBlock, { ...quiet, Radio: { Presets: [88, 95] } }))).toEqual(['"Radio" makes no sound']);
    expect(told(fromJson(carBlock, { ...quiet, Radio: { Band: "SW" }, Rocket: [1] }))).toEqual([
      '"Radio" makes no sound',
      '"Rocket" is not allowed',
    ]);
  });

  test.each([
    [{ Engine: [] as unknown[] }, []],
    [{ Engine: 5 }, ["Engine must be an object, found a number"]],
    [{ Wheels: ["x"] }, ["Wheels must be a list of objects, found a list"]],
    [{ Name: 5 }, []],
    [{ Name: [] }, ["Name must be text, found a list"]],
  ])("%j is told as a wrong form", (change, messages) => {
    expect(told(fromJson(carBlock, { Name: "a", Color: "red", ...change }))).toEqual(messages);
  });

  test("labels that are no entries are keys, as in HCL's own JSON form", () => {
    const plugin = block(sameNames({ name: label(), config: single(block(sameNames({ x: attribute(integer()) }))) }));
    const of = block(sameNames({ plugins: blocks(plugin, { name: "plugin" }) }));
    for (const form of [{ a: { config: { x: 1 } } }, [{ a: [{ config: [{ x: 1 }] }] }]]) {
      const { value, diagnostics } = fromJson(of, { plugin: form });
      expect(diagnostics).toEqual([]);
      expect(value.plugins).toEqual([{ name: "a", config: { x: 1 } }]);
    }
  });
});
