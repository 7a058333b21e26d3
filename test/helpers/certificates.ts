import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate and its key, in PEM. */
export interface MadeCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends MadeCertificate {
  /** A certificate that this authority vouches for. */
  issue(name: string, options?: IssueOptions): MadeCertificate;
}

export interface IssueOptions {
  /** DNS names and IPv4 addresses that it is for. */
  readonly for?: readonly string[];
  /** Milliseconds since 1970; from yesterday until in a year unless told. */
  readonly from?: number;
  readonly to?: number;
}

const DAY = 86_400_000;

/** An authority of its own for a test. */
export function makeAuthority(name = "authority of a test"): Authority {
  const { publicKey, privateKey } = newKey();
  const issuer = distinguished(name);
  const own = certificate({ subject: issuer, issuer, publicKey, extensions: [CA] }, privateKey, {});
  return {
    cert: own,
    key: pem(privateKey),
    issue: (subject, options = {}) => {
      const made = newKey();
      const extensions = options.for === undefined ? [] : [alternativeNames(options.for)];
      const parts = { subject: distinguished(subject), issuer, publicKey: made.publicKey, extensions };
      return { cert: certificate(parts, privateKey, options), key: pem(made.privateKey) };
    },
  };
}

const newKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

/** DER (X.690): a tag, a length, and what is in it. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  if (body.length < 128) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).padStart(body.length < 256 ? 2 : 4, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));
const TRUE = der(0x01, Buffer.from([0xff]));
/** ecdsa-with-SHA256. */
const ECDSA = sequence(oid("2a8648ce3d040302"));

const distinguished = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(name, "utf8")))));

const CA = sequence(oid("551d13"), TRUE, der(0x04, sequence(TRUE)));

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    /^[\d.]+$/.test(name) ? der(0x87, Buffer.from(name.split(".").map(Number))) : der(0x82, Buffer.from(name)),
  );
  return sequence(oid("551d11"), der(0x04, sequence(...entries)));
}

function moment(millis: number): Buffer {
  return der(0x18, Buffer.from(`${new Date(millis).toISOString().replace(/\D/g, "").slice(0, 14)}Z`));
}

interface Parts {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certificate({ subject, issuer, publicKey, extensions }: Parts, by: KeyObject, options: IssueOptions): string {
  const { from = Date.now() - DAY, to = Date.now() + 365 * DAY } = options;
  const told = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA,
    issuer,
    sequence(moment(from), moment(to)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const signature = der(0x03, Buffer.from([0]), sign("sha256", told, by));
  const lines =
    sequence(told, ECDSA, signature)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
