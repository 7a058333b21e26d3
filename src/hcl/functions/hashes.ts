import { createHash, randomUUID } from "node:crypto";
import { text } from "../cty/datum.ts";
import { textAt, textParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Hashes of text, in hexadecimal digits, and names that nobody else has. */
export const HASH_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  md5: hash("md5"),
  sha1: hash("sha1"),
  sha256: hash("sha256"),
  sha512: hash("sha512"),
  uuidv4: { parameters: [], run: () => text(randomUUID()) },
  uuidv5: {
    parameters: [textParameter("namespace"), textParameter("name")],
    run: (args) => text(nameUuid(textAt(args, 0), textAt(args, 1))),
  },
};

function hash(algorithm: string): FunctionSpec {
  return {
    parameters: [textParameter("str")],
    run: (args) => text(createHash(algorithm).update(textAt(args, 0), "utf8").digest("hex")),
  };
}

/** Namespaces of RFC 4122, appendix C: they differ in one digit. */
const NAMESPACES: Readonly<Record<string, string>> = { dns: "0", url: "1", oid: "2", x500: "4" };

function nameUuid(namespace: string, name: string): string {
  const digit = Object.hasOwn(NAMESPACES, namespace) ? NAMESPACES[namespace] : undefined;
  const spelled = digit === undefined ? namespace : `6ba7b81${digit}-9dad-11d1-80b4-00c04fd430c8`;
  const plain = spelled.replace(/^urn:uuid:/i, "").replace(/^\{(.*)\}$/, "$1");
  if (!/^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(plain)) {
    throw new CallProblem("expected dns, url, oid, x500 or a UUID", 0);
  }
  const space = Buffer.from(plain.replaceAll("-", ""), "hex");
  const bytes = createHash("sha1").update(space).update(name, "utf8").digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
