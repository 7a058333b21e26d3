import { describe, expect, test } from "bun:test";
import { encode } from "../../../src/hcl/encode.ts";
import { car, carBlock, fromJson } from "../../helpers/car-block.ts";

describe("encoding", () => {
  test("what is written in HCL comes back from the JSON that it is encoded to", () => {
    const { value } = car(
      'open = true\ndelay = "2s"\nnotes {\n  a = "b"\n}\nseats {\n  x = 1\n}\ntrailer {}\nwheel "w" {\n  size = 11\n}',
    );
    const json = encode(carBlock, value.car);
    expect(json).toEqual({
      Name: "beetle",
      Color: "red",
      Doors: 4,
      Open: true,
      Delay: 2_000_000_000,
      Tags: [],
      Notes: { a: "b" },
      Seats: [{ x: 1 }],
      Engine: { Power: 90 },
      Trailer: { Load: 1 },
      BigWheels: [{ Name: "w", Size: 11 }],
      Wheels: [],
      Radio: { Band: "AM" },
      Rocket: null,
    });
    const again = fromJson(carBlock, json);
    expect(again.diagnostics).toEqual([]);
    expect(again.value).toEqual(value.car);
  });
});
