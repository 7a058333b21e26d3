import { AppError } from "../../base/errors.ts";
import { ownUserAgent } from "./headers.ts";
import { decodePart, refuseOptions, takeParameters } from "./magic.ts";
import type { SourceRules } from "./rules.ts";
import { encodeS3Path, type S3Credentials } from "./s3-signature.ts";

/** How an object is asked for. */
export interface S3Plan {
  /** As it is requested and signed. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly region: string;
  /** Null asks as anybody may. */
  readonly credentials: S3Credentials | null;
}

/** go-getter's parameters of an S3 source (NOMAD.md 3.3), in the query or in `options`. */
const PARAMETERS = [
  "aws_access_key_id",
  "aws_access_key_secret",
  "aws_access_token",
  "aws_profile",
  "region",
  "version",
] as const;

const DEFAULT_REGION = "us-east-1";

/**
 * Decides how an S3 object is asked for. The address may be path-style or virtual-hosted, Amazon's or another server's; `s3://` is a bucket
 * of Amazon's.
 * @throws AppError `invalid`, `unsupported`.
 */
export function planS3(url: URL, options: Readonly<Record<string, string>>, rules: SourceRules): S3Plan {
  if (url.username !== "" || url.password !== "") {
    throw new AppError("invalid", "an S3 source takes no user info in its URL", {
      hint: "write aws_access_key_id and aws_access_key_secret into options",
    });
  }
  const { taken, others } = takeParameters(url, options, PARAMETERS);
  refuseOptions("s3", url, others);
  if (taken.aws_profile !== undefined) {
    throw new AppError("unsupported", "aws_profile is not supported: files of the agent's user are not read", {
      hint: "write aws_access_key_id and aws_access_key_secret into options",
    });
  }
  const { environment } = rules;
  const configured = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"];
  const region = taken.region ?? regionOfHost(url.hostname) ?? configured ?? DEFAULT_REGION;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(region)) {
    throw new AppError("invalid", `region: expected a name such as "eu-west-1", found ${JSON.stringify(region)}`);
  }
  const address = url.protocol === "s3:" ? amazonAddress(url, region) : new URL(url);
  const key = decodePart(address.pathname, "path");
  const isPathStyle = /^s3([.-][a-z0-9.-]+)?\.amazonaws\.com(\.cn)?$/.test(address.hostname);
  if (isPathStyle && !/^\/[^/]+\/.+/.test(key)) {
    throw new AppError("invalid", "expected a bucket and an object in it: https://s3.amazonaws.com/BUCKET/OBJECT");
  }
  address.pathname = encodeS3Path(key);
  address.search = taken.version === undefined ? "" : `versionId=${encodeURIComponent(taken.version)}`;
  address.hash = "";
  const headers = { "user-agent": ownUserAgent, "accept-encoding": "identity" };
  return { url: address.href, headers, region, credentials: credentialsOf(taken, environment) };
}

function regionOfHost(host: string): string | undefined {
  const found = /(?:^|\.)s3[.-](?:dualstack\.)?([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(host)?.[1];
  return found === "accelerate" || found === "external-1" ? undefined : found;
}

/** A bucket whose name has a dot is no name that a certificate of Amazon's covers. */
function amazonAddress(url: URL, region: string): URL {
  const server = `s3.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}`;
  const bucket = url.hostname;
  const isPlain = /^[a-z0-9][a-z0-9-]*$/.test(bucket);
  return new URL(isPlain ? `https://${bucket}.${server}${url.pathname}` : `https://${server}/${bucket}${url.pathname}`);
}

function credentialsOf(
  taken: Readonly<Partial<Record<(typeof PARAMETERS)[number], string>>>,
  environment: SourceRules["environment"],
): S3Credentials | null {
  const given = [taken.aws_access_key_id, taken.aws_access_key_secret, taken.aws_access_token];
  const own = given.some((value) => value !== undefined);
  const [keyId, secret, token] = own
    ? given
    : ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map((name) => environment[name] || undefined);
  if (keyId === undefined && secret === undefined && !own) return null;
  if (keyId === undefined || secret === undefined) {
    const missing = keyId === undefined ? "aws_access_key_id" : "aws_access_key_secret";
    throw new AppError("invalid", `${missing} is missing: S3 credentials are a key's id and its secret`, {
      hint: own ? `write ${missing} into options` : "see client.artifact.set_environment_variables of the agent",
    });
  }
  for (const value of [keyId, secret, token ?? ""]) {
    if (!/^[\x20-\x7e]*$/.test(value)) throw new AppError("invalid", "S3 credentials hold a character that none has");
  }
  return { keyId, secret, token: token ?? null };
}
