import { parseDuration } from "../../base/units.ts";
import { type Datum, text } from "../cty/datum.ts";
import { textAt, textParameter } from "./arguments.ts";
import { CallProblem, type FunctionSpec } from "./function.ts";

/** Functions of moments, which are text by RFC 3339. */
export const DATE_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  formatdate: { parameters: [textParameter("format"), textParameter("time")], run: format },
  timeadd: { parameters: [textParameter("timestamp"), textParameter("duration")], run: addTime },
};

/** A moment with the clock of the place that it was written for. */
interface Moment {
  /** That clock as if it were UTC's, in milliseconds; fractions of them in nanoseconds. */
  readonly local: number;
  readonly nanoseconds: number;
  /** Of its clock before UTC's, in minutes. */
  readonly offset: number;
}

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

function parseMoment(source: string, argument: number): Moment {
  const match = MOMENT.exec(source);
  if (match === null) throw new CallProblem("expected a moment such as 2026-01-31T12:00:00Z", argument);
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHours = "0", offsetMinutes = "0"] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const exists = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  const inDay = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!exists || !inDay || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) {
    throw new CallProblem("there is no such moment", argument);
  }
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === "-" ? -1 : 1);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  return { local: date.getTime(), nanoseconds, offset };
}

function addTime(args: readonly Datum[]): Datum {
  const moment = parseMoment(textAt(args, 0), 0);
  const duration = parseDuration(textAt(args, 1));
  if (duration === undefined) throw new CallProblem('expected a duration such as "1h30m" or "-10s"', 1);
  const total = moment.nanoseconds + duration;
  const seconds = Math.floor(total / 1e9);
  return text(formatRfc3339({ ...moment, local: moment.local + seconds * 1000, nanoseconds: total - seconds * 1e9 }));
}

function formatRfc3339({ local, offset }: Moment): string {
  const date = new Date(local);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999) {
    throw new CallProblem("the result is in no year from 0 to 9999");
  }
  return `${date.toISOString().slice(0, 19)}${offset === 0 ? "Z" : spellOffset(offset, ":")}`;
}

function spellOffset(offset: number, colon: ":" | ""): string {
  const minutes = Math.abs(offset);
  return `${offset < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60))}${colon}${pad(minutes % 60)}`;
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, "0");
}

/** A quoted literal, a verb, which is one letter several times, or other text. */
const TOKEN = /'[^']*(?:''[^']*)*'|'|([A-Za-z])\1*|[^A-Za-z']+/g;

function format(args: readonly Datum[]): Datum {
  const moment = parseMoment(textAt(args, 1), 1);
  const parts = (textAt(args, 0).match(TOKEN) ?? []).map((token) => {
    if (token === "'") throw new CallProblem("a quote is never closed", 0);
    if (token === "''") return "'";
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
    return /^[A-Za-z]/.test(token) ? spellVerb(token, moment) : token;
  });
  return text(parts.join(""));
}

const MONTHS = [
  ...["January", "February", "March", "April", "May", "June", "July"],
  ...["August", "September", "October", "November", "December"],
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

type Verb = (moment: Moment, date: Date) => string;

const counted = (read: (date: Date) => number, verb: string): Record<string, Verb> => ({
  [verb]: (_, date) => String(read(date)),
  [verb + verb]: (_, date) => pad(read(date)),
});

const VERBS: Readonly<Record<string, Verb>> = {
  YY: (_, date) => pad(date.getUTCFullYear() % 100),
  YYYY: (_, date) => pad(date.getUTCFullYear(), 4),
  ...counted((date) => date.getUTCMonth() + 1, "M"),
  MMM: (_, date) => MONTHS[date.getUTCMonth()]?.slice(0, 3) ?? "",
  MMMM: (_, date) => MONTHS[date.getUTCMonth()] ?? "",
  ...counted((date) => date.getUTCDate(), "D"),
  EEE: (_, date) => DAYS[date.getUTCDay()]?.slice(0, 3) ?? "",
  EEEE: (_, date) => DAYS[date.getUTCDay()] ?? "",
  ...counted((date) => date.getUTCHours(), "h"),
  ...counted((date) => date.getUTCHours() % 12 || 12, "H"),
  AA: (_, date) => (date.getUTCHours() < 12 ? "AM" : "PM"),
  aa: (_, date) => (date.getUTCHours() < 12 ? "am" : "pm"),
  ...counted((date) => date.getUTCMinutes(), "m"),
  ...counted((date) => date.getUTCSeconds(), "s"),
  Z: ({ offset }) => (offset === 0 ? "Z" : spellOffset(offset, ":")),
  ZZZ: ({ offset }) => (offset === 0 ? "UTC" : spellOffset(offset, "")),
  ZZZZ: ({ offset }) => spellOffset(offset, ""),
  ZZZZZ: ({ offset }) => spellOffset(offset, ":"),
};

function spellVerb(verb: string, moment: Moment): string {
  const spell = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (spell !== undefined) return spell(moment, new Date(moment.local));
  throw new CallProblem("letters that stand for nothing; text stands in single quotes", 0, `"${verb.slice(0, 20)}"`);
}
