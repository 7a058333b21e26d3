import { expect, test } from "bun:test";
import { findLogin } from "../../../../src/artifact/source/netrc.ts";

const TEXT = `# machine commented login no password no
machine one.example login me password p#w
machine two.example
  login you
  account x
  password secret
macdef init
machine three.example login macro password macro

machine four.example
default login anybody password anything
`;

test.each([
  ["one.example", { login: "me", password: "p#w" }],
  ["ONE.example", { login: "me", password: "p#w" }],
  ["two.example", { login: "you", password: "secret" }],
  ["commented", undefined],
  ["three.example", undefined],
  ["four.example", undefined],
  ["elsewhere.example", undefined],
] as const)("%s", (host, login) => {
  expect(findLogin(TEXT, host)).toEqual(login as never);
});

test("the last machine of a file without an end of line is found, and what breaks off is none", () => {
  expect(findLogin("machine h login a password b", "h")).toEqual({ login: "a", password: "b" });
  expect(findLogin("machine h login a password", "h")).toEqual({ login: "a", password: "" });
  expect(findLogin("machine", "h")).toBeUndefined();
});
