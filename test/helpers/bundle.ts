import { createPrivateKey, createPublicKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { readSigningKey, readTrustedKeys, type SigningKey, type TrustedKey } from "../../src/bundle/keys.ts";
import { type MakeOptions, planBundle } from "../../src/bundle/make.ts";
import type { Manifest } from "../../src/bundle/manifest.ts";
import { writeBundle } from "../../src/bundle/write.ts";
import { type ChecksumType, parseChecksum } from "../../src/cache/checksum.ts";
import { type EntryKey, keyOf } from "../../src/cache/key.ts";
import { hexOf } from "./hash.ts";

/** Two pairs of keys of the tests' own. */
const PEM = {
  ours: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
  theirs:
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n",
} as const;

export type Signer = keyof typeof PEM;

export const privatePem = (who: Signer): string => PEM[who];
export const publicPem = (who: Signer): string =>
  createPublicKey(createPrivateKey(PEM[who])).export({ type: "spki", format: "pem" }).toString();
export const signingKey = (who: Signer): SigningKey => readSigningKey(PEM[who], `${who}.key`);
export const trustedKeys = (who: Signer): TrustedKey[] => readTrustedKeys(publicPem(who), `${who}.pub`);

/** 32 hex digits of a request. */
export const REQUEST = "fedcba9876543210".repeat(2);

/** An artifact with its bytes. @param type what it is keyed by. */
export interface Packed {
  readonly body: Uint8Array;
  readonly type?: ChecksumType;
  /** Its job gives no checksum. */
  readonly request?: string;
}

export interface TestBundle extends Partial<MakeOptions> {
  readonly jobs?: Readonly<Record<string, string>>;
  readonly artifacts?: readonly Packed[];
}

export const keyFor = (body: Uint8Array, type: ChecksumType = "sha256"): EntryKey =>
  keyOf(parseChecksum(`${type}:${hexOf(body, type)}`), REQUEST);

/** Writes a bundle; signed by `ours` with sequence 100 unless told. */
export async function makeBundle(path: string, wanted: TestBundle = {}): Promise<Manifest> {
  const { jobs = {}, artifacts = [], key = signingKey("ours"), sequence = 100, now = 0, base = null } = wanted;
  const gathered = artifacts.map(({ body, type }, at) => {
    const file = `${path}.${at}.artifact`;
    writeFileSync(file, body);
    const source = `http://h/${at}.img`;
    return { key: keyFor(body, type), bytes: body.length, sha256: hexOf(body), source, path: file };
  });
  const requests = artifacts.flatMap(({ body, request }) =>
    request === undefined ? [] : [{ request, key: keyFor(body), source: "http://h/0.img", validator: null }],
  );
  const source = planBundle(
    {
      jobs: Object.entries(jobs).map(([file, text]) => ({ file, id: file, text: Buffer.from(text) })),
      binaries: [],
      gathering: { artifacts: gathered, requests },
    },
    { key, sequence, now, base },
  );
  await writeBundle(path, source, { signal: new AbortController().signal, onProgress: () => undefined });
  return source.manifest;
}
