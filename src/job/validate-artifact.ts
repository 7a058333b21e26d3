import { join } from "node:path/posix";
import { orList } from "../base/text.ts";
import { quoteFound } from "../hcl/content.ts";
import type { Reporter } from "../hcl/places.ts";
import type { Artifact } from "./job.ts";

/** Hex digits of each type of checksum. */
const CHECKSUM_DIGITS: Readonly<Record<string, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };

const WORKING_SOURCES = "http:// and https:// URLs work; serve the file over one of them";

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
  const getter = /^([A-Za-z0-9]+)::/.exec(source)?.[1];
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(source)?.[1]?.toLowerCase();
  if (getter !== undefined) report.error("source", `sources of ${getter}:: are not supported yet`, WORKING_SOURCES);
  else if (scheme === undefined)
    report.must("source", "be a URL, found one without http:// or https://", WORKING_SOURCES);
  else if (scheme !== "http" && scheme !== "https") {
    report.error("source", `sources of ${scheme}:// are not supported yet`, WORKING_SOURCES);
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
  const example = 'write checksum = "sha256:" and 64 hex digits, as sha256sum prints them';
  const [type = "", hex = "", ...more] = checksum.split(":");
  if (checksum === "" || more.length > 0 || !checksum.includes(":")) {
    report.must(path, "have the form type:hex", example);
    return;
  }
  const digits = Object.hasOwn(CHECKSUM_DIGITS, type) ? CHECKSUM_DIGITS[type] : undefined;
  if (digits === undefined) {
    const hint = type === "file" ? "checksum files are not supported; write the checksum itself" : example;
    report.must(path, `be of type ${orList(Object.keys(CHECKSUM_DIGITS))}, found ${quoteFound(type)}`, hint);
  } else if (!/^[0-9a-fA-F]*$/.test(hex)) report.must(path, `hold only hex digits behind ${type}:`);
  else if (hex.length !== digits) {
    report.must(path, `have ${digits} hex digits for ${type}, found ${hex.length}`);
  }
}
