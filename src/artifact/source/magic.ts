import { AppError } from "../../base/errors.ts";

/** Parameters that mean something to go-getter itself, for every kind of source. */
const MAGIC = ["archive", "checksum", "filename"] as const;

export type MagicParameters = Readonly<Partial<Record<(typeof MAGIC)[number], string>>>;

/** Takes parameters by their names out of a URL and out of the options of its artifact. */
export interface Parameters<Name extends string> {
  readonly taken: Readonly<Partial<Record<Name, string>>>;
  /** The other options. */
  readonly others: Readonly<Record<string, string>>;
}

/**
 * Takes go-getter's own parameters out of the URL and the options. Every other byte of the query stays.
 * @param keepFilename sends a `filename` on, where it names nothing.
 */
export function takeMagic(
  url: URL,
  options: Readonly<Record<string, string>>,
  keepFilename: boolean,
): { readonly magic: MagicParameters; readonly others: Readonly<Record<string, string>> } {
  const names = keepFilename ? MAGIC.filter((name) => name !== "filename") : MAGIC;
  const { taken, others } = takeParameters(url, options, names);
  return { magic: taken, others };
}

/** @throws AppError `invalid` for one that is given twice with different values, which are not told: they may be secret. */
export function takeParameters<Name extends string>(
  url: URL,
  options: Readonly<Record<string, string>>,
  names: readonly Name[],
): Parameters<Name> {
  const found = new Map<Name, string>();
  const nameOf = (text: string): Name | undefined => names.find((known) => known === text);
  const take = (name: Name, value: string): void => {
    if (value === "") return;
    const before = found.get(name);
    if (before !== undefined && before !== value) {
      throw new AppError("invalid", `${name} is given twice, in the source and in options, with two values`);
    }
    found.set(name, value);
  };
  const kept = url.search
    .slice(1)
    .split("&")
    .filter((pair) => {
      const [text = "", ...value] = pair.split("=");
      const name = nameOf(text);
      if (name !== undefined) take(name, decodePart(value.join("=").replaceAll("+", " "), name));
      return pair !== "" && name === undefined;
    });
  url.search = kept.join("&");
  const others: Record<string, string> = {};
  for (const [text, value] of Object.entries(options)) {
    const name = nameOf(text);
    if (name === undefined) others[text] = value;
    else take(name, value);
  }
  return { taken: Object.fromEntries(found) as Partial<Record<Name, string>>, others };
}

/** Adds options to the query of a URL, sorted as Go does. */
export function sendOptions(url: URL, options: Readonly<Record<string, string>>): void {
  const sorted = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  const pairs = sorted.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  url.search = [url.search.slice(1), ...pairs].filter((pair) => pair !== "").join("&");
}

/** @throws AppError `invalid` for what is left of options and query. */
export function refuseOptions(kind: string, url: URL, options: Readonly<Record<string, string>>): void {
  const [name] = [...Object.keys(options), ...url.searchParams.keys()];
  if (name === undefined) return;
  throw new AppError("invalid", `option ${JSON.stringify(name)} means nothing to a source of ${kind}::`, {
    hint: "leave it out",
  });
}

/** @throws AppError `invalid` naming the part of the URL. */
export function decodePart(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new AppError("invalid", `${what} has a percent sign that is no valid escape`, { cause: error });
  }
}
