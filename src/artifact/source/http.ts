import { quoteName } from "../../archive/failure.ts";
import { archiveSuffix } from "../../archive/formats.ts";
import type { AppError } from "../../base/errors.ts";
import type { Validator } from "../../cache/source.ts";
import { readRetryAfter } from "../download/retry.ts";
import { artifactError, PassingTrouble } from "../failure.ts";
import { ask, describeHop, discardBody, type Hop } from "./hops.ts";
import type { SourcePlan } from "./plan.ts";
import { conditionForS3 } from "./s3-request.ts";
import { describeStatus } from "./status.ts";
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
  /** Whether the source has said that it gives parts of the file, too. */
  readonly ranges: boolean;
}

/** A part of a file of which some came. */
export interface Range {
  readonly offset: number;
  /** The first byte behind it. */
  readonly end: number;
  readonly version: FileVersion;
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

/**
 * Asks for an artifact over HTTP.
 * @param asked `beginning` asks for the rest of it; a source that has another file by now gives all of that one. `known` asks for
 * a file only if it is another one.
 * @param signal its reason is thrown when it aborts.
 * @returns null when the file is the one that is known.
 * @throws AppError `fetch` for everything but a plain 200, or a 206 that is the rest; `PassingTrouble` where asking again may help.
 */
export async function openHttpSource(plan: SourcePlan, asked: Asked, signal: AbortSignal): Promise<Source | null> {
  const { hop, response } = await ask(plan, askedHeaders(plan, asked), signal);
  const source = await acceptReply(plan, hop, response, asked);
  return source === undefined ? await openHttpSource(plan, { beginning: null, known: null }, signal) : source;
}

/**
 * Asks for a part of an artifact, and takes nothing else.
 * @returns null when the source gives something else: all of it, another part, or a part of another file.
 * @throws as `openHttpSource` does.
 */
export async function openHttpRange(
  plan: SourcePlan,
  { offset, end, version }: Range,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array> | null> {
  const { hop, response } = await ask(plan, rangeHeaders(plan, restHeaders(version, offset, end)), signal);
  const { status, headers } = response;
  if (![200, 206, 412, 416].includes(status)) throw await refuseStatus(plan, hop, response);
  if (status !== 206 || totalOfRest(headers, version, offset, end) === undefined) {
    await discardBody(response);
    return null;
  }
  await refuseEncoding(plan, hop, response);
  return streamOf(response);
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

function askedHeaders(plan: SourcePlan, { beginning, known }: Asked): Readonly<Record<string, string>> {
  if (beginning !== null) return rangeHeaders(plan, restHeaders(beginning.version, beginning.bytes));
  return known === null ? {} : conditionHeaders(known);
}

function rangeHeaders({ via }: SourcePlan, rest: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return via.kind === "s3" ? conditionForS3(rest) : rest;
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
    ranges: response.headers.get("accept-ranges")?.trim().toLowerCase() === "bytes",
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
    const nothing = { stream: streamOf(new Response("")), offset: bytes, total: bytes, ranges: false };
    return { ...nothing, version, validator: version.validator };
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
    ranges: true,
  };
}

async function refuseStatus(plan: SourcePlan, hop: Hop, response: Response): Promise<AppError> {
  await discardBody(response);
  const { status, headers } = response;
  const message = `expected status 200, found ${await describeStatus(status)}`;
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
