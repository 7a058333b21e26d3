import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { makeKeys, readSigningKey, readTrustedKeys } from "../../../src/bundle/keys.ts";
import { privatePem, publicPem } from "../../helpers/bundle.ts";

const MESSAGE = Buffer.from("message");

describe("keys", () => {
  test("sign and verify each other's, and nobody else's", () => {
    const { privateKey, publicKey } = makeKeys();
    const key = readSigningKey(privateKey, "a.key");
    const [trusted] = readTrustedKeys(publicKey, "a.pub");
    expect(trusted?.id).toBe(key.id);
    expect(trusted?.verify(MESSAGE, key.sign(MESSAGE))).toBe(true);
    expect(trusted?.verify(Buffer.from("other"), key.sign(MESSAGE))).toBe(false);
    expect(readTrustedKeys(publicPem("ours"), "o")[0]?.verify(MESSAGE, key.sign(MESSAGE))).toBe(false);
  });

  test("of one file are all read, with whatever people write between them", () => {
    const text = `# ours\n${publicPem("ours")}\n# theirs\n${publicPem("theirs")}`;
    expect(readTrustedKeys(text, "keys").map(({ id }) => id.slice(0, 8))).toHaveLength(2);
  });

  test("of the wrong kind are refused, and no private key is told", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = rsa.publicKey.export({ type: "spki", format: "pem" }).toString();
    expect(() => readTrustedKeys(pem, "r.pub")).toThrow("r.pub: expected an ed25519 key, found rsa");
    expect(() => readTrustedKeys("", "e.pub")).toThrow("e.pub: expected public keys in PEM, found none");
    expect(() => readTrustedKeys(privatePem("ours"), "p")).toThrow("found a private one");
    expect(() => readSigningKey(publicPem("ours"), "k")).toThrow("k: expected a private key");
    expect(() => readSigningKey(privatePem("ours").replace("MC4", "XXX"), "k")).toThrow(
      /^k: expected a private key[^/]*$/,
    );
  });
});
