import { join } from "node:path/posix";
import { AppError } from "../../base/errors.ts";
import { orList } from "../../base/text.ts";
import { quoteFound } from "../../hcl/content.ts";
import type { Reporter } from "../../hcl/places.ts";
import { readArtifactSource } from "../artifact-source.ts";
import type { Artifact } from "../job.ts";

/** Hex digits of each type of checksum. */
const CHECKSUM_DIGITS: Readonly<Record<string, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };

/** Checks an artifact by Nomad's rules (NOMAD.md 3.2); paths begin at the artifact. What holds `${…}` is checked when it is fetched. */
export function checkArtifact(artifact: Artifact, report: Reporter): void {
  checkSource(artifact.source, report);
  checkDestination(artifact.destination, report);
  const { checksum } = artifact.options;
  if (checksum !== undefined && !checksum.includes("${")) checkChecksum(checksum.trim(), report);
}

function checkSource(source: string, report: Reporter): void {
  if (source === "") report.must("source", "be set");
  if (source === "" || source.includes("${")) return;
  try {
    readArtifactSource(source);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    report.error("source", error.message, error.hint);
  }
}

/** Taken word for word, from the task directory, it must not leave the allocation directory around that. */
function checkDestination(destination: string, report: Reporter): void {
  if (/[\u0000-\u001f\u007f]/.test(destination)) {
    report.must("destination", "hold no control character");
    return;
  }
  const reached = join("task", destination);
  if (reached !== ".." && !reached.startsWith("../")) return;
  report.must("destination", `stay in the allocation directory, found ${quoteFound(destination)}`, 'use "local/…"');
}

function checkChecksum(checksum: string, report: Reporter): void {
  const path = "options.checksum";
  if (/^file:/i.test(checksum)) {
    checkChecksumFile(path, checksum.slice("file:".length), report);
    return;
  }
  const example = 'write checksum = "sha256:" and 64 hex digits, as sha256sum prints them';
  const [type = "", hex = "", ...more] = checksum.split(":");
  if (checksum === "" || more.length > 0 || !checksum.includes(":")) {
    report.must(path, "have the form type:hex", example);
    return;
  }
  const digits = Object.hasOwn(CHECKSUM_DIGITS, type) ? CHECKSUM_DIGITS[type] : undefined;
  if (digits === undefined) {
    report.must(
      path,
      `be of type ${orList([...Object.keys(CHECKSUM_DIGITS), "file"])}, found ${quoteFound(type)}`,
      example,
    );
  } else if (!/^[0-9a-fA-F]*$/.test(hex)) report.must(path, `hold only hex digits behind ${type}:`);
  else if (hex.length !== digits) {
    report.must(path, `have ${digits} hex digits for ${type}, found ${hex.length}`);
  }
}

/** Where Nomad knows `file:` only in the query of a source; go-getter knows it in both. */
function checkChecksumFile(path: string, source: string, report: Reporter): void {
  try {
    const { kind, subdir } = readArtifactSource(source);
    if (kind !== "git" && subdir === null) return;
    report.must(path, "name one file behind file:", 'write "file:https://…/SHA256SUMS"');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    report.error(path, `checksum of a file: ${error.message.replace(/^source /, "its name ")}`, error.hint);
  }
}
