import { expect, test } from "bun:test";
import { printWarnings } from "../../../../src/cli/job/warnings.ts";
import { memoryTerminal } from "../../../helpers/cli.ts";

const Warnings = "* warning: image_path is odd\n* the disk stays\n  in two lines\n* asked before";

test("what an agent warns of is told once: not what was asked, nor what the file's own warnings have said", () => {
  const all = memoryTerminal();
  printWarnings({ Warnings }, [], all.terminal, []);
  expect(all.stderr()).toBe(
    "warning: image_path is odd\nwarning: the disk stays\n  in two lines\nwarning: asked before\n",
  );
  const some = memoryTerminal();
  printWarnings({ Warnings }, [{ severity: "warning", message: "image_path is odd" }], some.terminal, ["asked before"]);
  expect(some.stderr()).toBe("warning: the disk stays\n  in two lines\n");
});

test("an agent that warns of nothing prints nothing", () => {
  const { terminal, stderr } = memoryTerminal();
  printWarnings({ Warnings: "" }, [], terminal, []);
  expect(stderr()).toBe("");
});
