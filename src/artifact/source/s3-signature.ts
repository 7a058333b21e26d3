import { createHash, createHmac } from "node:crypto";

export interface S3Credentials {
  readonly keyId: string;
  readonly secret: string;
  /** Of temporary credentials; null for lasting ones. */
  readonly token: string | null;
}

/** What a signature stands for besides the URL. */
export interface S3Scope {
  readonly credentials: S3Credentials;
  readonly region: string;
  readonly at: Date;
}

const EMPTY_HASH = createHash("sha256").digest("hex");

/**
 * The headers that sign a GET by AWS Signature Version 4 (docs.aws.amazon.com, "Signature Version 4 signing process"). Other headers
 * are not signed, so `Range` and conditions may be added.
 * @param url with the path of `encodeS3Path`; it is sent as it is.
 */
export function signS3Request(url: URL, { credentials, region, at }: S3Scope): Record<string, string> {
  const time = at.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const headers: Record<string, string> = {
    host: url.host,
    "x-amz-content-sha256": EMPTY_HASH,
    "x-amz-date": time,
    ...(credentials.token === null ? {} : { "x-amz-security-token": credentials.token }),
  };
  const names = Object.keys(headers).join(";");
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value.trim()}\n`);
  const request = ["GET", url.pathname, canonicalQuery(url), lines.join(""), names, EMPTY_HASH].join("\n");
  const digest = createHash("sha256").update(request).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, digest].join("\n");
  const key = [...scope.split("/")].reduce<Buffer | string>(hmac, `AWS4${credentials.secret}`);
  const signature = hmac(key, toSign).toString("hex");
  const { host: _, ...sent } = headers;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.keyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...sent, authorization };
}

/** A decoded path with every byte escaped that the signature wants escaped. */
export function encodeS3Path(path: string): string {
  return path.split("/").map(encodeStrictly).join("/");
}

function canonicalQuery(url: URL): string {
  const pairs = [...url.searchParams].map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`);
  return pairs.sort().join("&");
}

function encodeStrictly(text: string): string {
  const escaped = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, escaped);
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
