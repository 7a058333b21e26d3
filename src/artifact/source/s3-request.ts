import type { AppError } from "../../base/errors.ts";
import { readRetryAfter } from "../download/retry.ts";
import { artifactError, PassingTrouble } from "../failure.ts";
import type { SourcePlan } from "./plan.ts";
import { signS3Request } from "./s3-signature.ts";
import { describeStatus } from "./status.ts";

/** The headers that sign a request now; none where nobody signs. */
export function signatureOf({ via }: SourcePlan, url: URL): Readonly<Record<string, string>> {
  if (via.kind !== "s3" || via.credentials === null) return {};
  return signS3Request(url, { credentials: via.credentials, region: via.region, at: new Date() });
}

/** S3 knows `If-Match`, and does not say whether it heeds `If-Range`. */
export function conditionForS3(asked: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { "if-range": same, ...others } = asked;
  return same?.startsWith('"') === true ? { ...others, "if-match": same } : asked;
}

/** True for replies that are a refusal, redirects among them: these say that a bucket is elsewhere, and no signature is good there. */
export function isS3Refusal({ via }: SourcePlan, { status }: Response): boolean {
  return via.kind === "s3" && status >= 300 && ![304, 412, 416].includes(status);
}

/** Longest beginning of an error's text that is looked at. */
const LONGEST = 16 << 10;

/** The error of a refusal, by the code that the server gives in its XML. */
export async function refuseS3Reply(plan: SourcePlan, response: Response): Promise<AppError> {
  const { status, headers } = response;
  const text = await readBeginning(response);
  const code = /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1];
  const found = await describeStatus(status);
  const message = `expected status 200, found ${found}${code === undefined ? "" : ` (${code})`}`;
  const hint = regionHint(plan, headers, text) ?? hintOf(status, code);
  if (status < 500 && status !== 429 && status !== 408) return artifactError(plan.source, message, hint);
  return new PassingTrouble(plan.source, message, hint, readRetryAfter(headers.get("retry-after"), Date.now()));
}

function regionHint({ via }: SourcePlan, headers: Headers, text: string): string | undefined {
  const region = headers.get("x-amz-bucket-region") ?? /<Region>([^<]*)<\/Region>/.exec(text)?.[1] ?? "";
  if (via.kind !== "s3" || !/^[a-z0-9-]{1,64}$/.test(region) || region === via.region) return undefined;
  return `the bucket is in region ${region}: name that one's server, and write region = "${region}" into options`;
}

const HINTS: Readonly<Record<string, string>> = {
  SignatureDoesNotMatch: "aws_access_key_secret is another one than the server has for this key",
  InvalidAccessKeyId: "the server does not know this aws_access_key_id",
  ExpiredToken: "aws_access_token has expired; make new ones",
  RequestTimeTooSkewed: "this host's clock is wrong; set it",
  NoSuchBucket: "check the bucket in the source",
  NoSuchKey: "check the object in the source",
};

function hintOf(status: number, code = ""): string | undefined {
  if (Object.hasOwn(HINTS, code)) return HINTS[code];
  if (status === 401 || status === 403) {
    return "may these credentials read the object? They are aws_access_key_id and aws_access_key_secret in options";
  }
  if (status === 404) return "check bucket and object in the source";
  return status >= 500 ? "try again later, or look at the server's log" : undefined;
}

async function readBeginning(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  let text = "";
  try {
    while (text.length < LONGEST) {
      const { done, value } = await reader.read();
      if (done) break;
      text += Buffer.from(value).toString("latin1");
    }
  } catch {
    // What came of it will do.
  }
  await reader.cancel().catch(() => undefined);
  return text.slice(0, LONGEST);
}
