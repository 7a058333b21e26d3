import { BLANK } from "../base/redact.ts";
import { escapeControls } from "../base/text.ts";

/** Parameters of an artifact's getter that are no credentials (go-getter's names); any other may be a key or a token. */
const OPEN_OPTIONS: ReadonlySet<string> = new Set(["archive", "filename", "depth", "ref", "region", "version"]);

export const isOpenOption = (name: string): boolean => OPEN_OPTIONS.has(name);

/**
 * A source for messages and logs: user info and the values of query parameters blanked (tokens and signatures travel there),
 * the fragment dropped, control characters made visible. Takes what is no valid URL too.
 */
export function redactSource(source: string | URL): string {
  const url = typeof source === "string" ? URL.parse(source) : source;
  if (url === null || url.host === "") return redactText(String(source));
  const user = url.username !== "" || url.password !== "" ? `${BLANK}@` : "";
  return escapeControls(`${url.protocol}//${user}${url.host}${url.pathname}${redactQuery(url.search)}`);
}

/** A `checksum` of options for messages: one of a file is a source too. */
export function redactChecksum(checksum: string): string {
  const file = /^(\s*file:)(.*)$/is.exec(checksum);
  return file === null ? checksum : `${file[1]}${redactSource(file[2] ?? "")}`;
}

function redactText(text: string): string {
  const [beforeFragment = ""] = text.split("#", 1);
  const question = beforeFragment.indexOf("?");
  const address = question === -1 ? beforeFragment : beforeFragment.slice(0, question);
  const query = question === -1 ? "" : beforeFragment.slice(question);
  // Greedy up to the last `@`: what is no URL may have anything in its password, slashes too.
  const hidden = address.replace(/^((?:[a-z0-9]+::)?(?:[a-z][a-z0-9+.-]*:\/\/)?).*@/is, `$1${BLANK}@`);
  return escapeControls(hidden + redactQuery(query));
}

function redactQuery(search: string): string {
  if (search.length <= 1) return "";
  const parts = search
    .slice(1)
    .split("&")
    .map((pair) => (pair.includes("=") ? `${pair.slice(0, pair.indexOf("="))}=${BLANK}` : BLANK));
  return `?${parts.join("&")}`;
}
