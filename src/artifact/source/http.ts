import { STATUS_CODES } from "node:http";
import { quoteName } from "../../archive/failure.ts";
import { archiveSuffix } from "../../archive/formats.ts";
import type { AppError } from "../../base/errors.ts";
import { shorten } from "../../base/text.ts";
import type { Validator } from "../../cache/source.ts";
import { fetchStream } from "../../runtime/fetch.ts";
import { artifactError, networkError, PassingTrouble } from "../failure.ts";
import { redactSource } from "../redact.ts";
import { readRetryAfter } from "../retry.ts";
import { headersAfterRedirect } from "./headers.ts";
import { isMetadataAddress } from "./metadata-address.ts";
import type { SourcePlan } from "./plan.ts";
import { describeProxy, proxyFor } from "./proxy.ts";
import { conditionForS3, isS3Refusal, refuseS3Reply, signatureOf } from "./s3-request.ts";
import {
  conditionHeaders,
  type FileVersion,
  fits,
  restHeaders,
  totalOfRest,
  validatorOf,
  versionOf,
} from "./version.ts";

/** What an artifact's source gives to the sinks. */
export interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  /** Where in the file the stream begins: 0, or what was asked for. */
  readonly offset: number;
  /** Bytes of the whole file, null when the source cannot tell. */
  readonly total: number | null;
  /** What to ask for the rest with, should the stream break; null when the source cannot prove that it is the rest. */
  readonly version: FileVersion | null;
  /** What to ask later with whether this is still the file; null when the source cannot tell. */
  readonly validator: Validator | null;
}

/** The beginning of a file that is there already. */
export interface Beginning {
  readonly bytes: number;
  readonly version: FileVersion;
}

/** What is there already of what is asked for; `beginning` goes before `known`. */
export interface Asked {
  readonly beginning: Beginning | null;
  readonly known: Validator | null;
}

/** As many as Go's client follows. */
const MAX_REDIRECTS = 10;

const REDIRECTS = [301, 302, 303, 307, 308];

/** One request on the way that redirects lead. */
export interface Hop {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Asks for an artifact over HTTP, following redirects by hand, each checked before it is followed.
 * @param asked `beginning` asks for the rest of it; a source that has another file by now gives all of that one. `known` asks for
 * a file only if it is another one.
 * @param signal its reason is thrown when it aborts.
 * @returns null when the file is the one that is known.
 * @throws AppError `fetch` for everything but a plain 200, or a 206 that is the rest; `PassingTrouble` where asking again may help.
 */
export async function openHttpSource(plan: SourcePlan, asked: Asked, signal: AbortSignal): Promise<Source | null> {
  let hop: Hop = { url: new URL(plan.url), headers: plan.headers };
  for (let redirects = 0; ; redirects++) {
    const response = await request(plan, hop, askedHeaders(plan, asked), signal);
    if (isS3Refusal(plan, response)) throw await refuseS3Reply(plan, response);
    if (!REDIRECTS.includes(response.status)) {
      const source = await acceptReply(plan, hop, response, asked);
      return source === undefined ? await openHttpSource(plan, { beginning: null, known: null }, signal) : source;
    }
    hop = await nextHop(plan, hop, response, redirects);
  }
}

/**
 * Where a request leads to, for a program that asks there by itself: each redirect is checked as a download's is.
 * @returns the last hop, whatever its server answered, with the headers that are left for it.
 * @throws AppError `fetch`; the signal's reason.
 */
export async function followRedirects(plan: SourcePlan, start: Hop, signal: AbortSignal): Promise<Hop> {
  const from = { ...plan, url: start.url.href };
  let hop = start;
  for (let redirects = 0; ; redirects++) {
    const response = await request(from, hop, {}, signal);
    if (!REDIRECTS.includes(response.status)) {
      await discardBody(response);
      return hop;
    }
    hop = await nextHop(from, hop, response, redirects);
  }
}

async function nextHop(plan: SourcePlan, hop: Hop, response: Response, redirects: number): Promise<Hop> {
  await discardBody(response);
  if (redirects === MAX_REDIRECTS) {
    throw artifactError(plan.source, `more than ${MAX_REDIRECTS} redirects, the last to ${describeUrl(hop.url)}`);
  }
  return await followRedirect(plan, hop, response);
}

/** @returns null for the file that is known; undefined for a reply to something else than what was asked. */
async function acceptReply(
  plan: SourcePlan,
  hop: Hop,
  response: Response,
  { beginning, known }: Asked,
): Promise<Source | null | undefined> {
  if (beginning !== null && response.status !== 200) return await acceptRest(plan, hop, response, beginning);
  if (beginning !== null || known === null || response.status !== 304) return await acceptWhole(plan, hop, response);
  await discardBody(response);
  // A date is often compared as "not after": an older file that came back in its place is another one all the same.
  return fits(response.headers, known) ? null : undefined;
}

function askedHeaders({ via }: SourcePlan, { beginning, known }: Asked): Readonly<Record<string, string>> {
  if (beginning !== null) {
    const rest = restHeaders(beginning.version, beginning.bytes);
    return via.kind === "s3" ? conditionForS3(rest) : rest;
  }
  return known === null ? {} : conditionHeaders(known);
}

async function request(
  plan: SourcePlan,
  hop: Hop,
  asked: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const proxy = proxyFor(hop.url, plan.transport.proxies);
  try {
    const headers = { ...hop.headers, ...asked, ...signatureOf(plan, hop.url) };
    return await fetchStream(hop.url.href, {
      headers,
      signal,
      insecure: plan.insecure,
      proxy,
      tls: plan.transport.tls,
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const by = proxy === null ? "" : ` (by the proxy ${describeProxy(proxy)})`;
    throw networkError(describeHop(plan, hop) + by, error);
  }
}

async function followRedirect(plan: SourcePlan, hop: Hop, response: Response): Promise<Hop> {
  const status = `${response.status} ${STATUS_CODES[response.status] ?? ""}`.trim();
  const location = response.headers.get("location");
  const url = location === null ? null : URL.parse(location, hop.url);
  if (location === null) throw artifactError(describeHop(plan, hop), `${status} without a location`);
  if (url === null) throw artifactError(describeHop(plan, hop), `${status} to something that is no URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const found = `redirect to ${describeUrl(url)}`;
    throw artifactError(describeHop(plan, hop), `expected a redirect to http or https, found a ${found}`);
  }
  if (url.hostname !== hop.url.hostname && (await isMetadataAddress(url.hostname))) {
    const hint = "clouds keep credentials of their machines there; name the source itself if it is meant";
    throw artifactError(describeHop(plan, hop), `redirect to a metadata address, ${describeUrl(url)}, refused`, hint);
  }
  // User info in a location is the server's invention, not the job's.
  url.username = "";
  url.password = "";
  url.hash = "";
  return { url, headers: headersAfterRedirect(hop.headers, hop.url, url) };
}

async function acceptWhole(plan: SourcePlan, hop: Hop, response: Response): Promise<Source> {
  if (response.status !== 200) throw await refuseStatus(plan, hop, response);
  await refuseEncoding(plan, hop, response);
  const announced = response.headers.get("content-length");
  const total = announced !== null && /^\d+$/.test(announced) && !isChunked(response) ? Number(announced) : null;
  return {
    stream: streamOf(response),
    offset: 0,
    total,
    version: versionOf(response.headers, total),
    validator: validatorOf(response.headers),
  };
}

/** @returns undefined when the source has another file, or sends another part than it was asked for. */
async function acceptRest(
  plan: SourcePlan,
  hop: Hop,
  response: Response,
  { bytes, version }: Beginning,
): Promise<Source | undefined> {
  const { status, headers } = response;
  if (status !== 206 && status !== 416 && status !== 412) throw await refuseStatus(plan, hop, response);
  if (status === 416 && bytes === version.total && headers.get("content-range")?.trim() === `bytes */${bytes}`) {
    // It compared the validator first, or it would have sent all of it: nothing is missing.
    await discardBody(response);
    return { stream: streamOf(new Response("")), offset: bytes, total: bytes, version, validator: version.validator };
  }
  const total = status === 206 ? totalOfRest(headers, version, bytes) : undefined;
  if (total === undefined) {
    await discardBody(response);
    return undefined;
  }
  await refuseEncoding(plan, hop, response);
  return {
    stream: streamOf(response),
    offset: bytes,
    total,
    version: { ...version, total },
    validator: version.validator,
  };
}

async function refuseStatus(plan: SourcePlan, hop: Hop, response: Response): Promise<AppError> {
  await discardBody(response);
  const { status, headers } = response;
  const message = `expected status 200, found ${`${status} ${STATUS_CODES[status] ?? ""}`.trim()}`;
  const where = describeHop(plan, hop);
  if (status < 500 && status !== 429 && status !== 408) return artifactError(where, message, statusHint(status));
  const afterMillis = readRetryAfter(headers.get("retry-after"), Date.now());
  return new PassingTrouble(where, message, statusHint(status), afterMillis);
}

async function refuseEncoding(plan: SourcePlan, hop: Hop, response: Response): Promise<void> {
  const encoding = response.headers.get("content-encoding") ?? "identity";
  // Some servers label a stored .gz file with the encoding it has anyway; there the bytes are the file.
  if (encoding.toLowerCase() === "identity" || archiveSuffix(hop.url.pathname) !== undefined) return;
  await discardBody(response);
  throw artifactError(
    describeHop(plan, hop),
    `expected the file as it is, found it encoded as ${quoteName(encoding)}`,
    "switch compression off for this file on the server",
  );
}

function streamOf(response: Response): ReadableStream<Uint8Array> {
  return response.body ?? new Response("").body ?? new ReadableStream();
}

function isChunked(response: Response): boolean {
  return response.headers.get("transfer-encoding") !== null;
}

function statusHint(status: number): string | undefined {
  if (status === 401 || status === 403) return "give credentials in the artifact's headers, or as user info of the URL";
  if (status === 404 || status === 410) return "check the path of the source";
  if (status >= 500) return "try again later, or look at the server's log";
  return undefined;
}

/** The source for a message, with the place that redirects led to. */
function describeHop(plan: SourcePlan, hop: Hop): string {
  return hop.url.href === plan.url ? plan.source : `${plan.source} (redirected to ${describeUrl(hop.url)})`;
}

/** A server's redirect may be as long as it likes, and what is told of it goes into events. */
function describeUrl(url: URL): string {
  return shorten(redactSource(url), 500);
}

async function discardBody(response: Response): Promise<void> {
  await response.body?.cancel();
}
