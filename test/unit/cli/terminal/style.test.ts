import { expect, test } from "bun:test";
import { paint, statusPiece } from "../../../../src/cli/terminal/style.ts";

test("a known status has its colour, and any other word of a QEMU stays as it is", () => {
  expect(paint([statusPiece("running")], true)).toBe("\u001b[32mrunning\u001b[39m");
  for (const word of ["inmigrate", "constructor", "__proto__"]) expect(paint([statusPiece(word)], true)).toBe(word);
});
