import { archiveError } from "../failure.ts";

/** What is said of an xz file that is wrong. @param what is wrong in it. */
export function xzDamaged(what: string): Error {
  return archiveError(`the xz data is damaged (${what})`, "fetch or make the file again");
}

/** What is said of an xz file that is not wrong, but of a kind that is not read. */
export function xzUnsupported(what: string, hint = "compress it with plain xz"): Error {
  return archiveError(`the xz file ${what}`, hint);
}
