import { isDeepStrictEqual } from "node:util";
import type { DiffType, FieldDiff, ObjectDiff } from "../job-diff.ts";
import { byText, diffFields, flatten, isPart, type JsonPart, leafText, type Values } from "./fields.ts";
import { showIn } from "./show.ts";

/** Names in Nomad's JSON whose value is a map by keys of the job's choosing; each entry is a field. */
const MAPS: ReadonlySet<string> = new Set(["Meta", "Env", "GetterOptions", "GetterHeaders"]);

/** What the blocks of a list are called in a diff. */
const SINGULAR: Readonly<Record<string, string>> = {
  Constraints: "Constraint",
  Networks: "Network",
  Services: "Service",
  Checks: "Check",
  Artifacts: "Artifact",
  Templates: "Template",
  ReservedPorts: "Static Port",
  DynamicPorts: "Dynamic Port",
};

/** Blocks that are the same one before and after when they have the same name; others are one only when nothing of them differs. */
const NAMED: ReadonlySet<string> = new Set(["Service", "Check"]);

/** Parts of any shape, which are shown as one block of fields. */
const FLAT: ReadonlySet<string> = new Set(["Config", "Header"]);

/** Two states of a block; undefined where it is not there. */
export interface Sides {
  readonly old: JsonPart | undefined;
  readonly now: JsonPart | undefined;
}

export const typeOf = ({ old, now }: Sides, inner: readonly { readonly Type: DiffType }[]): DiffType => {
  if (old === undefined) return now === undefined ? "None" : "Added";
  if (now === undefined) return "Deleted";
  return inner.some(({ Type }) => Type !== "None") ? "Edited" : "None";
};

/**
 * Fields and blocks of a part of a job that differ.
 * @param without names that are told of elsewhere, or that mean nothing to people.
 * @param whole the fields that do not differ, too.
 */
export function diffInside(
  block: string,
  { old = {}, now = {} }: Sides,
  { without = new Set(), whole = false }: { readonly without?: ReadonlySet<string>; readonly whole?: boolean } = {},
): { readonly Fields: FieldDiff[]; readonly Objects: ObjectDiff[] } {
  const values = (part: JsonPart): Values =>
    Object.fromEntries(
      Object.entries(part)
        .filter(([name]) => !without.has(name))
        .flatMap(([name, value]) => (MAPS.has(name) || leafText(value) !== undefined ? flatten(name, value) : [])),
    );
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  const objects = names
    .filter((name) => !without.has(name) && !MAPS.has(name))
    .flatMap((name) => diffNested(name, old[name], now[name]))
    .toSorted((a, b) => byText(a.Name, b.Name) || byText(a.Type, b.Type));
  return { Fields: diffFields(values(old), values(now), showIn(block), whole), Objects: objects };
}

function diffNested(name: string, old: unknown, now: unknown): ObjectDiff[] {
  if (FLAT.has(name)) return diffFlat(name, old, now);
  const lists = [old, now].map((value) => (Array.isArray(value) ? (value as readonly unknown[]) : []));
  const [before = [], after = []] = lists;
  if ([...before, ...after].some(isPart))
    return diffList(SINGULAR[name] ?? name, before.filter(isPart), after.filter(isPart));
  if (before.length + after.length > 0) return diffTexts(name, before, after);
  const sides = { old: isPart(old) ? old : undefined, now: isPart(now) ? now : undefined };
  return diffBlock(name, sides);
}

/** A block that differs, with all of its fields, as Nomad shows it; none where nothing differs. */
function diffBlock(name: string, sides: Sides): ObjectDiff[] {
  if (isDeepStrictEqual(sides.old, sides.now)) return [];
  const inner = diffInside(name, sides, { whole: sides.old !== undefined && sides.now !== undefined });
  const type = typeOf(sides, [...inner.Fields, ...inner.Objects]);
  // One that says nothing is none, as `dns {}`.
  const isEmpty = inner.Fields.length + inner.Objects.length === 0;
  return type === "None" || isEmpty ? [] : [{ Type: type, Name: name, ...inner }];
}

function diffFlat(name: string, old: unknown, now: unknown): ObjectDiff[] {
  const [before, after] = [old, now].map((value) => Object.fromEntries(flatten("", value)));
  if (before === undefined || after === undefined || isDeepStrictEqual(before, after)) return [];
  const both = isPart(old) && isPart(now);
  const Type = both ? "Edited" : isPart(now) ? "Added" : "Deleted";
  return [{ Type, Name: name, Fields: diffFields(before, after, showIn(name), both), Objects: [] }];
}

/** A list of texts is a set, as in Nomad: `Datacenters`, `Tags`. */
function diffTexts(name: string, before: readonly unknown[], after: readonly unknown[]): ObjectDiff[] {
  const [old, now] = [before, after].map((list) => new Set(list.flatMap((item) => leafText(item) ?? [])));
  if (old === undefined || now === undefined) return [];
  const field = (Type: DiffType, Old: string, New: string): FieldDiff => ({
    Type,
    Name: name,
    Old,
    New,
    Annotations: null,
  });
  const added = [...now].filter((text) => !old.has(text)).map((text) => field("Added", "", text));
  const deleted = [...old].filter((text) => !now.has(text)).map((text) => field("Deleted", text, ""));
  if (added.length + deleted.length === 0) return [];
  const kept = old.size > 0 && now.size > 0 ? [...now].filter((text) => old.has(text)) : [];
  const Fields = [...kept.map((text) => field("None", text, text)), ...added, ...deleted];
  return [{ Type: old.size === 0 ? "Added" : now.size === 0 ? "Deleted" : "Edited", Name: name, Fields, Objects: [] }];
}

function diffList(name: string, before: readonly JsonPart[], after: readonly JsonPart[]): ObjectDiff[] {
  const gone = without(before, after);
  const come = without(after, before);
  const keyOf = ({ Name }: JsonPart): unknown => (NAMED.has(name) ? Name : undefined);
  const byKey = Map.groupBy(come, keyOf);
  const pairs = gone.map((old): Sides => {
    const key = keyOf(old);
    return { old, now: key === undefined ? undefined : byKey.get(key)?.shift() };
  });
  const left = [...byKey.values()].flat().map((now): Sides => ({ old: undefined, now }));
  return [...pairs, ...left].flatMap((sides) => diffBlock(name, sides));
}

/** The blocks of a list that another one has not, each counted as often as it stands there. Keys have the order of the description. */
function without(list: readonly JsonPart[], other: readonly JsonPart[]): JsonPart[] {
  const counts = new Map<string, number>();
  for (const part of other) counts.set(JSON.stringify(part), (counts.get(JSON.stringify(part)) ?? 0) + 1);
  return list.filter((part) => {
    const text = JSON.stringify(part);
    const count = counts.get(text) ?? 0;
    counts.set(text, count - 1);
    return count <= 0;
  });
}
