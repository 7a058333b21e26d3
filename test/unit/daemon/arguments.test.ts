import { expect, test } from "bun:test";
import { readAgentArguments } from "../../../src/daemon/arguments.ts";

test("an empty directory, such as that of a variable which is not set, is refused", () => {
  expect(() => readAgentArguments(["-data-dir", ""])).toThrow("-data-dir: expected a directory, found nothing");
  expect(() => readAgentArguments(["-run-dir="])).toThrow("-run-dir: expected a directory, found nothing");
  expect(readAgentArguments(["-data-dir", "d"]).dataDir).toBe("d");
});
