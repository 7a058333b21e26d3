import { expect, test } from "bun:test";
import { describeOrigin } from "../../../../src/cli/text/origin.ts";

const origin = { Kind: "job", Why: "", Attribute: "", Index: null, Note: "" };

test.each([
  ["resources.memory", [], "job file: resources.memory"],
  ["resources.memory", ["resources.memory"], "default of resources.memory"],
  ["config.a and config.b", ["config.a"], "job file: config.a and config.b (default of config.a)"],
  ["config.a and config.b", ["config.b", "config.a"], "default of config.a and config.b"],
  ["config.port_map and network", ["config.accelerator"], "job file: config.port_map and network"],
])("a word of %s, where %j are defaults, comes from: %s", (Attribute, defaults, text) => {
  expect(describeOrigin({ ...origin, Attribute }, defaults)).toBe(text);
});
