/**
 * Versions as Nomad's `version` and `semver` operators understand them (go-version's grammar, NOMAD.md 2.3). They differ from
 * SemVer: any number of parts, `1.7rc2`, another order of prereleases, no `||`, `^` and `~`.
 */
export interface Version {
  /** At least three; missing ones are 0. */
  readonly segments: readonly bigint[];
  /** How many segments were written. */
  readonly given: number;
  /** Without its `-`; "" for a release. */
  readonly prerelease: string;
}

const ID = "[0-9A-Za-z~-]";
/** A prerelease begins with `-` and a digit, or with a letter, `-` or `~`, which needs no `-` before it. */
const PRERELEASE = `-([0-9]${ID}*(?:\\.${ID}+)*)|-?([A-Za-z~-]${ID}*(?:\\.${ID}+)*)`;
const METADATA = `\\+${ID}+(?:\\.${ID}+)*`;
const LOOSE = new RegExp(`^v?([0-9]+(?:\\.[0-9]+)*)(?:${PRERELEASE})?(?:${METADATA})?$`);
/** The `semver` operator wants the `-`. */
const STRICT = new RegExp(`^v?([0-9]+(?:\\.[0-9]+)*)(?:-(${ID}+(?:\\.${ID}+)*))?(?:${METADATA})?$`);

const INT64_MAX = 2n ** 63n - 1n;

/** A version such as `7.2`, `v1.2.3-rc1+build` or `1.7rc2`; undefined for what is none. */
export function parseVersion(text: string): Version | undefined {
  return toVersion(LOOSE.exec(text));
}

function toVersion(match: RegExpExecArray | null): Version | undefined {
  if (match === null) return undefined;
  const [, digits = "", first, second] = match;
  const segments = digits.split(".").map(BigInt);
  if (segments.some((segment) => segment > INT64_MAX)) return undefined;
  const given = segments.length;
  while (segments.length < 3) segments.push(0n);
  return { segments, given, prerelease: first ?? second ?? "" };
}

/** Negative when `a` is before `b`, positive when behind, 0 when equal; metadata counts for nothing. */
export function compareVersions(a: Version, b: Version): number {
  // go-version looks at prereleases only when as many segments were written: 1.2.0.0-rc1 is equal to 1.2.
  const alike = a.segments.length === b.segments.length;
  return compareSegments(a, b) || (alike ? comparePrereleases(a.prerelease, b.prerelease) : 0);
}

/** The same without prereleases. */
export function compareSegments(a: Version, b: Version): number {
  for (let at = 0; at < Math.max(a.segments.length, b.segments.length); at++) {
    const [left, right] = [a.segments[at] ?? 0n, b.segments[at] ?? 0n];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function comparePrereleases(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "") return 1;
  if (b === "") return -1;
  const [left, right] = [a.split("."), b.split(".")];
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const order = comparePart(left[at], right[at]);
    if (order !== 0) return order;
  }
  return 0;
}

/**
 * Numbers are before text; nothing is before a number, but behind text, unlike SemVer. Of two spellings of one number neither is equal
 * to the other: each is before it, as go-version has it.
 */
function comparePart(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  const [left, right] = [readInteger(a), readInteger(b)];
  if (a === undefined) return right.isNumber ? -1 : 1;
  if (b === undefined) return left.isNumber ? 1 : -1;
  if (left.isNumber !== right.isNumber) return left.isNumber ? -1 : 1;
  return (!left.isNumber && a > b) || left.value > right.value ? 1 : -1;
}

/** As Go's `ParseInt`: digits that no int64 holds are no number, and yet leave the largest behind. */
function readInteger(part = ""): { readonly isNumber: boolean; readonly value: bigint } {
  if (!/^-?[0-9]+$/.test(part)) return { isNumber: false, value: 0n };
  const value = BigInt(part);
  if (value > INT64_MAX) return { isNumber: false, value: INT64_MAX };
  if (value < -INT64_MAX - 1n) return { isNumber: false, value: -INT64_MAX - 1n };
  return { isNumber: true, value };
}

/** Says whether a version meets all conditions of a list. */
export type VersionCheck = (version: Version) => boolean;

type Compare = (version: Version, wanted: Version) => boolean;

const ORDER: Readonly<Record<string, Compare>> = {
  "<": (version, wanted) => compareVersions(version, wanted) < 0,
  "<=": (version, wanted) => compareVersions(version, wanted) <= 0,
  ">": (version, wanted) => compareVersions(version, wanted) > 0,
  ">=": (version, wanted) => compareVersions(version, wanted) >= 0,
};

const EQUALITY: Readonly<Record<string, Compare>> = {
  "": (version, wanted) => compareVersions(version, wanted) === 0,
  "=": (version, wanted) => compareVersions(version, wanted) === 0,
  "!=": (version, wanted) => compareVersions(version, wanted) !== 0,
};

/**
 * The conditions of operator `version`: a comma list of `=`, `!=`, `<`, `<=`, `>`, `>=`, `~>` (or nothing, which is `=`) and a version.
 * A prerelease meets an order condition only when that names a prerelease of the same release.
 * @returns undefined for what is no such list.
 */
export function parseVersionConstraints(text: string): VersionCheck | undefined {
  const restricted = Object.entries({ ...ORDER, "~>": isPessimisticMatch }).map(
    ([operator, compare]): [string, Compare] => [
      operator,
      (version, wanted) => mayOrder(version, wanted) && compare(version, wanted),
    ],
  );
  return parseList(text, { ...EQUALITY, ...Object.fromEntries(restricted) }, LOOSE);
}

/**
 * The conditions of operator `semver`: the same list without `~>`; prereleases are ordered like any version and need their `-`.
 * @returns undefined for what is no such list.
 */
export function parseSemverConstraints(text: string): VersionCheck | undefined {
  return parseList(text, { ...EQUALITY, ...ORDER }, STRICT);
}

function parseList(text: string, operators: Readonly<Record<string, Compare>>, grammar: RegExp) {
  const checks: VersionCheck[] = [];
  for (const item of text.split(",")) {
    const trimmed = trimSpaces(item);
    const operator = /^[<>=!~]*/.exec(trimmed)?.[0] ?? "";
    const compare = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
    const wanted = toVersion(grammar.exec(trimSpaces(trimmed.slice(operator.length))));
    if (compare === undefined || wanted === undefined) return undefined;
    checks.push((version) => compare(version, wanted));
  }
  return (version: Version) => checks.every((check) => check(version));
}

/** Without what RE2 takes for a space at both ends; JavaScript's own has some more, such as `\v`. */
function trimSpaces(text: string): string {
  const isSpace = (at: number): boolean => "\t\n\f\r ".includes(text.charAt(at));
  let [start, end] = [0, text.length];
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

function mayOrder(version: Version, wanted: Version): boolean {
  if (version.prerelease === "") return true;
  if (wanted.prerelease === "") return false;
  return version.segments.length === wanted.segments.length && compareSegments(version, wanted) === 0;
}

/** `~> a.b.c`: not before it, all but its last written segment alike, and no fewer segments than it has. */
function isPessimisticMatch(version: Version, wanted: Version): boolean {
  if (wanted.prerelease !== "" && version.prerelease === "") return false;
  if (compareVersions(version, wanted) < 0 || version.segments.length < wanted.segments.length) return false;
  return wanted.segments.slice(0, wanted.given - 1).every((segment, at) => version.segments[at] === segment);
}
