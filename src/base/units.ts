/** A length of time in integer nanoseconds, as on Nomad's wire; exact up to 2^53 ns = 104 days, to the microsecond beyond. */
export type Duration = number;

const MICROSECOND: Duration = 1_000;
export const MILLISECOND: Duration = 1_000_000;
export const SECOND: Duration = 1_000_000_000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;

/** Longest duration of Go's int64 nanoseconds, about 292 years. */
export const MAX_DURATION: Duration = 2 ** 63;

const GO_UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: MICROSECOND,
  µs: MICROSECOND,
  μs: MICROSECOND,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
};

/**
 * Reads Go's duration text such as `1m30s`, `1.5h`, `-10ms` or `0` (Go's `time.ParseDuration`).
 * @returns nanoseconds, or undefined when it is none.
 */
export function parseDuration(text: string): Duration | undefined {
  const match = /^([+-]?)(.+)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, body = ""] = match;
  if (body === "0") return 0;
  let total = 0;
  let rest = body;
  while (rest !== "") {
    const part = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/.exec(rest);
    if (part === null) return undefined;
    total += Number(part[1]) * (GO_UNITS[part[2] ?? ""] ?? 0);
    rest = rest.slice(part[0].length);
  }
  total = Math.round(total);
  if (total >= MAX_DURATION) return undefined;
  return sign === "-" ? -total : total;
}

/** Writes a duration as Go does: `1m30s`, `250ms`, `5s`, `0s`. */
export function formatDuration(duration: Duration): string {
  if (duration === 0) return "0s";
  const sign = duration < 0 ? "-" : "";
  let rest = Math.abs(duration);
  if (rest < SECOND) {
    const [unit, size] =
      rest < MICROSECOND ? ["ns", 1] : rest < MILLISECOND ? ["µs", MICROSECOND] : ["ms", MILLISECOND];
    return `${sign}${trimNumber(rest / (size as number))}${unit}`;
  }
  const hours = Math.floor(rest / HOUR);
  rest -= hours * HOUR;
  const minutes = Math.floor(rest / MINUTE);
  rest -= minutes * MINUTE;
  const seconds = `${trimNumber(rest / SECOND)}s`;
  return `${sign}${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}`;
}

function trimNumber(value: number): string {
  return String(Number(value.toFixed(9)));
}

/** A byte count for people: `512 B`, `1.4 MiB`, `20 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const shown = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
  return `${shown} ${units[unit]}`;
}

const BYTE_UNITS = ["", "K", "M", "G", "T", "P"];

/**
 * Reads a byte count such as `20GiB`, `1.5 TiB`, `512M` or `4096`; K, M, G, T and P count in 1024, as QEMU does.
 * @returns whole bytes; undefined when it is none, or more than 8 PiB.
 */
export function parseBytes(text: string): number | undefined {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?) *(?:([KMGTP])(?:iB)?|B)?$/i.exec(text) ?? [];
  const bytes = number === "" ? Number.NaN : Number(number) * 1024 ** BYTE_UNITS.indexOf(unit.toUpperCase());
  return Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : undefined;
}

/** Milliseconds of a duration, for timers. */
export function toMillis(duration: Duration): number {
  return duration / MILLISECOND;
}

/** Milliseconds since 1970 as nanoseconds on Nomad's wire; a JSON number, exact to 256 ns. */
export function toWireTime(epochMillis: number): number {
  return epochMillis * MILLISECOND;
}

/** Whether the calendar has a day, `2026-02-28`: the runtime takes February 31 for one in March. */
export function isDay(text: string): boolean {
  const at = Date.parse(text);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(`${text}T`);
}

/** A moment for people, to the second and by no host's own time zone: `2026-12-03T07:55:20Z`. @param millis since 1970. */
export function utcTime(millis: number): string {
  return new Date(millis).toISOString().replace(/\.\d+Z$/, "Z");
}
