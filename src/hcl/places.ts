import type { Diagnostic } from "./diagnostic.ts";
import { HIDDEN } from "./limits.ts";
import type { Span } from "./span.ts";

/** Where a decoded value came from, in the text and in the user's words. */
export interface Place {
  readonly span: Span | undefined;
  /** The block around it: `group "web", task "vm", config`, or in JSON `TaskGroups[0].Tasks[0].Config`. */
  readonly where: string | undefined;
  /** What it is called there: `image_path`, `args[1]`, `group "web"`. */
  readonly name: string;
  /** For a block: the `where` of what is in it. */
  readonly inside?: string | undefined;
  /** True for what was missing or wrong: it was told, and checks of what stands in its stead are pointless. */
  readonly broken: boolean;
  /** Its value is never printed, nor its line. */
  readonly secret: boolean;
  /** Its value was given from outside of the text and is never printed; its line has only the expression. */
  readonly hidden?: boolean;
}

/** Places by the path of the value, such as `groups[0].tasks[0].config.args[1]`; defaults have none. */
export type Places = ReadonlyMap<string, Place>;

/** The path of a part of a value. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** Tells what is wrong with a decoded value, at the place that the value came from. */
export interface Reporter {
  /** An error: the name of the value, `must`, and the expectation: `be 1 to 100, found 200`. */
  must(path: string, expectation: string, hint?: string): void;
  /** An error in whole words. */
  error(path: string, message: string, hint?: string): void;
  /** A warning in whole words. */
  warn(path: string, message: string, hint?: string): void;
  /** Whether a value was written, and is no default. */
  isWritten(path: string): boolean;
  /** A reporter whose paths begin at `path`. */
  at(path: string): Reporter;
}

/**
 * Makes a reporter that adds to `diagnostics`. A path without a place of its own (a default, or a value that came without text) is
 * told at the nearest block or value around it; nothing is told about what is broken already.
 */
export function createReporter(places: Places, diagnostics: Diagnostic[], base = ""): Reporter {
  const tell = (severity: Diagnostic["severity"], path: string, message: (name: string) => string, hint?: string) => {
    const place = findPlace(places, path === "" ? base : joinTail(base, path));
    if (place.broken) return;
    const { span, where } = place;
    diagnostics.push({
      severity,
      span,
      where,
      message: place.hidden === true ? withoutValue(message(place.name)) : message(place.name),
      hint,
      ...(place.secret && { secret: true }),
    });
  };
  return {
    must: (path, expectation, hint) => tell("error", path, (name) => `${name} must ${expectation}`, hint),
    error: (path, message, hint) => tell("error", path, () => message, hint),
    warn: (path, message, hint) => tell("warning", path, () => message, hint),
    isWritten: (path) => places.has(joinTail(base, path)),
    at: (path) => createReporter(places, diagnostics, joinTail(base, path)),
  };
}

/** What was found stands last in a message; in one without it, values are in quotes. */
function withoutValue(message: string): string {
  const shown = message.replace(/\bfound [\s\S]*$/, "found what is not shown");
  return shown === message ? message.replace(QUOTED, HIDDEN) : shown;
}

const QUOTED = /"(?:[^"\\]|\\.)*"/g;

function joinTail(base: string, path: string): string {
  return path.startsWith("[") ? `${base}${path}` : joinPath(base, path);
}

function findPlace(places: Places, path: string): Place {
  const exact = places.get(path);
  if (exact !== undefined) return exact;
  for (let end = lastJoint(path, path.length); end > 0; end = lastJoint(path, end)) {
    const around = places.get(path.slice(0, end));
    if (around === undefined) continue;
    const rest = path.slice(path[end] === "." ? end + 1 : end);
    if (around.inside === undefined) return { ...around, name: `${around.name}${path.slice(end)}` };
    return { ...around, where: around.inside || undefined, name: rest };
  }
  const root = places.get("");
  return { span: root?.span, where: root?.inside || undefined, name: path, broken: false, secret: false };
}

function lastJoint(path: string, end: number): number {
  return Math.max(path.lastIndexOf(".", end - 1), path.lastIndexOf("[", end - 1));
}
