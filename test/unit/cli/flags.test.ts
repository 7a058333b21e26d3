import { expect, test } from "bun:test";
import { type Flag, parseArguments } from "../../../src/cli/flags.ts";

const FLAGS: readonly Flag[] = [
  { name: "address", value: "ADDRESS", help: "" },
  { name: "n", value: "N", count: true, help: "" },
  { name: "detach", help: "" },
];

function parse(...args: string[]) {
  const { flags, operands, help } = parseArguments(args, FLAGS);
  return { address: flags.text("address"), n: flags.count("n"), detach: flags.has("detach"), operands, help };
}

const NOTHING = { address: undefined, n: undefined, detach: false, operands: [], help: false };

for (const words of [["-address=X"], ["-address", "X"], ["--address=X"], ["--address", "X"]]) {
  test(`${words.join(" ")} is a flag with a value`, () => {
    expect(parse(...words)).toEqual({ ...NOTHING, address: "X" });
  });
}

test("flags stand before, behind and between the operands", () => {
  const wanted = { ...NOTHING, detach: true, address: "X", operands: ["web", "vm"] };
  expect(parse("-detach", "-address", "X", "web", "vm")).toEqual(wanted);
  expect(parse("web", "-detach", "vm", "-address=X")).toEqual(wanted);
});

test("a value may begin with a dash, hold an equals sign, and be empty", () => {
  expect(parse("-address", "-x").address).toBe("-x");
  expect(parse("-address=a=b").address).toBe("a=b");
  expect(parse("-address=").address).toBe("");
});

test("a switch takes Go's words for true and false", () => {
  for (const word of ["-detach", "-detach=true", "-detach=1", "--detach=T"]) expect(parse(word).detach).toBe(true);
  for (const word of ["-detach=false", "-detach=0", "-detach=F"]) expect(parse(word).detach).toBe(false);
  expect(() => parse("-detach=perhaps")).toThrow('flag -detach: expected true or false, found "perhaps"');
});

test("a lone dash is an operand, and behind two of them everything is", () => {
  expect(parse("-", "--", "-detach").operands).toEqual(["-", "-detach"]);
});

test("help is noticed in each of its forms", () => {
  for (const word of ["-h", "-help", "--help"]) expect(parse("web", word).help).toBe(true);
});

test("an unknown flag is refused with the nearest known one", () => {
  expect(() => parse("-adress=X")).toThrow(
    expect.objectContaining({ message: "unknown flag -adress", hint: "did you mean -address?" }),
  );
  expect(() => parse("-zzzzzzz")).toThrow(expect.objectContaining({ hint: "-help lists the flags" }));
});

test("a value that is missing or no number is refused", () => {
  expect(() => parse("-address")).toThrow("flag -address: expected ADDRESS behind it");
  for (const word of ["-n=x", "-n=-1", "-n=1.5", "-n="])
    expect(() => parse(word)).toThrow("flag -n: expected a whole number");
  expect(parse("-n", "0").n).toBe(0);
});
