import { ANY, isSameType, listOf, type Type } from "./type.ts";

/**
 * How bold a conversion is: `safe` ones never fail (a number becomes text), `any` ones may (text becomes a number if it is one). Types
 * are brought together safely in a list whose element type is open, and by any means in a conditional.
 */
export type Means = "safe" | "any";

/** More different types than this are not compared with each other; no job file brings together so many. */
const MAX_TYPES = 200;

/** Whether values of a type can become values of another; by `any` means some of them may fail nevertheless. */
export function isConvertible(from: Type, to: Type, means: Means): boolean {
  if (to.kind === "any" || isSameType(from, to)) return true;
  if (from.kind === "any") return means === "any";
  switch (to.kind) {
    case "string":
      return from.kind === "number" || from.kind === "bool";
    case "number":
    case "bool":
      return means === "any" && from.kind === "string";
    case "list":
    case "set":
      return isConvertibleToItems(from, to, means);
    case "map":
      return isConvertibleToMap(from, to.element, means);
    case "tuple":
      return (
        from.kind === "tuple" &&
        from.elements.length === to.elements.length &&
        from.elements.every((element, index) => isConvertible(element, to.elements[index] ?? ANY, means))
      );
    case "object":
      return isConvertibleToObject(from, to.attributes, means);
  }
}

function isConvertibleToItems(from: Type, to: Extract<Type, { kind: "list" | "set" }>, means: Means): boolean {
  if (from.kind === "list" || from.kind === "set") {
    if (to.kind === "set" && from.kind === "list" && means === "safe") return false;
    return isConvertible(from.element, to.element, means);
  }
  return from.kind === "tuple" && areConvertibleItems(from.elements, to.element, means);
}

function isConvertibleToMap(from: Type, element: Type, means: Means): boolean {
  if (from.kind === "map") return isConvertible(from.element, element, means);
  if (from.kind !== "object") return false;
  const parts = [...from.attributes.values()];
  const common = commonElement(parts, element, means);
  return common !== undefined && parts.every((part) => isConvertible(part, common, means));
}

/** Whether items of different types can become those of one list; what has nothing in common but a null makes none. */
function areConvertibleItems(parts: readonly Type[], element: Type, means: Means): boolean {
  const common = commonElement(parts, element, means);
  if (common === undefined) return false;
  if (element.kind === "any" && common.kind === "any") return parts.every(({ kind }) => kind === "any");
  return parts.every((part) => isConvertible(part, common, means));
}

/** The type that the items of a collection get: what is asked for, or where that is open, what they have in common. */
export function commonElement(parts: readonly Type[], element: Type, means: Means): Type | undefined {
  return element.kind === "any" && parts.length > 0 ? unify(parts, means) : element;
}

function isConvertibleToObject(from: Type, attributes: ReadonlyMap<string, Type>, means: Means): boolean {
  if (from.kind === "map") {
    return means === "any" && [...attributes.values()].every((type) => isConvertible(from.element, type, means));
  }
  if (from.kind !== "object") return false;
  return [...attributes].every(([name, type]) => {
    const own = from.attributes.get(name);
    return own !== undefined && isConvertible(own, type, means);
  });
}

/** The type that values of several types can become; undefined when there is none. An empty list of types has none. */
export function unify(types: readonly Type[], means: Means): Type | undefined {
  const distinct = distinctTypes(types);
  const [first] = distinct;
  if (distinct.length <= 1) return first;
  if (distinct.length > MAX_TYPES) return undefined;
  const shapes = distinct.filter(({ kind }) => kind !== "any");
  const open = shapes.length < distinct.length;
  const kinds = new Set(shapes.map(({ kind }) => kind));
  const unified = unifyShapes(distinct, shapes, kinds, open, means);
  return unified === "no shape" ? preferred(distinct, means) : unified;
}

/** What collections and structures have in common by their parts; `no shape` when they are not all of one shape. */
function unifyShapes(
  types: readonly Type[],
  shapes: readonly Type[],
  kinds: ReadonlySet<Type["kind"]>,
  open: boolean,
  means: Means,
): Type | undefined | "no shape" {
  const only = (...names: Type["kind"][]) => [...kinds].every((kind) => names.includes(kind));
  const whole = (type: Type | undefined) => (type !== undefined && fitsAll(types, type, means) ? type : undefined);
  if (kinds.size === 1 && open && !only("bool", "number", "string")) return ANY;
  if (only("map")) return whole(collection("map", shapes, means));
  if (only("list")) return whole(collection("list", shapes, means));
  if (only("set")) return whole(collection("set", shapes, means));
  if (only("object")) return unifyObjects(shapes, means);
  if (only("tuple")) return unifyTuples(shapes, means);
  if (only("map", "object")) return mixed(types, shapes, "object", means) ?? "no shape";
  if (only("list", "tuple")) return mixed(types, shapes, "tuple", means) ?? "no shape";
  return kinds.has("object") && kinds.has("tuple") ? undefined : "no shape";
}

function collection(kind: "list" | "set" | "map", shapes: readonly Type[], means: Means): Type | undefined {
  const element = unify(
    shapes.flatMap((type) => ("element" in type ? [type.element] : [])),
    means,
  );
  return element === undefined ? undefined : { kind, element };
}

/** Structures beside collections are taken for collections. */
function mixed(types: readonly Type[], shapes: readonly Type[], structure: "object" | "tuple", means: Means) {
  const structures = shapes.filter(({ kind }) => kind === structure);
  const loosened = structure === "object" ? looseMap(structures, means) : looseList(structures, means);
  if (loosened === undefined) return undefined;
  const unified = unify(
    types.map((type) => (type.kind === structure ? loosened : type)),
    means,
  );
  return unified?.kind === loosened.kind ? unified : undefined;
}

function unifyObjects(shapes: readonly Type[], means: Means): Type | undefined {
  const objects = shapes.flatMap((type) => (type.kind === "object" ? [type.attributes] : []));
  const names = [...(objects[0]?.keys() ?? [])];
  const alike =
    objects.every(({ size }) => size === names.length) && objects.every((o) => names.every((n) => o.has(n)));
  if (!alike) return looseMap(shapes, means);
  const attributes = new Map<string, Type>();
  for (const name of names) {
    const type = unify(
      objects.map((object) => object.get(name) ?? ANY),
      means,
    );
    if (type === undefined) return undefined;
    attributes.set(name, type);
  }
  const object: Type = { kind: "object", attributes };
  return fitsAll(shapes, object, means) ? object : looseMap(shapes, means);
}

function unifyTuples(shapes: readonly Type[], means: Means): Type | undefined {
  const tuples = shapes.flatMap((type) => (type.kind === "tuple" ? [type.elements] : []));
  const length = tuples[0]?.length ?? 0;
  if (!tuples.every((elements) => elements.length === length)) return looseList(shapes, means);
  const elements: Type[] = [];
  for (let index = 0; index < length; index++) {
    const type = unify(
      tuples.map((own) => own[index] ?? ANY),
      means,
    );
    if (type === undefined) return undefined;
    elements.push(type);
  }
  const tuple: Type = { kind: "tuple", elements };
  return fitsAll(shapes, tuple, means) ? tuple : looseList(shapes, means);
}

function looseMap(shapes: readonly Type[], means: Means): Type | undefined {
  const parts = shapes.flatMap((type) => (type.kind === "object" ? [...type.attributes.values()] : []));
  const element = unify(parts, means);
  const map: Type | undefined = element === undefined ? undefined : { kind: "map", element };
  return map !== undefined && fitsAll(shapes, map, means) ? map : undefined;
}

function looseList(shapes: readonly Type[], means: Means): Type | undefined {
  const element = unify(
    shapes.flatMap((type) => (type.kind === "tuple" ? type.elements : [])),
    means,
  );
  const list = element === undefined ? undefined : listOf(element);
  return list !== undefined && fitsAll(shapes, list, means) ? list : undefined;
}

function fitsAll(types: readonly Type[], wanted: Type, means: Means): boolean {
  return types.every((type) => isConvertible(type, wanted, means));
}

/** The first type, in the order of preference, that all others can become. */
function preferred(types: readonly Type[], means: Means): Type | undefined {
  const rest = [...types];
  while (rest.length > 0) {
    const best = rest.findIndex((type) => rest.every((other) => preference(other, type) >= 0));
    const [type] = rest.splice(Math.max(best, 0), 1);
    if (type !== undefined && fitsAll(types, type, means)) return type;
  }
  return undefined;
}

/** Less than 0 when `a` is the better guess of what both have in common: text before others, collections before structures. */
function preference(a: Type, b: Type): number {
  if (a.kind === "any" || b.kind === "any") return Number(a.kind === "any") - Number(b.kind === "any");
  return RANK[a.kind] - RANK[b.kind];
}

const RANK: Readonly<Record<Type["kind"], number>> = {
  string: 0,
  bool: 1,
  number: 1,
  list: 1,
  map: 1,
  tuple: 2,
  object: 2,
  set: 3,
  any: 4,
};

function distinctTypes(types: readonly Type[]): Type[] {
  const found = new Map<string, Type>();
  for (const type of types) {
    const key = keyOf(type);
    if (!found.has(key)) found.set(key, type);
  }
  return [...found.values()];
}

const keys = new WeakMap<Type, string>();

/** Text that only the same type has. */
function keyOf(type: Type): string {
  let key = keys.get(type);
  if (key === undefined) {
    key = spell(type);
    keys.set(type, key);
  }
  return key;
}

function spell(type: Type): string {
  switch (type.kind) {
    case "tuple":
      return `[${type.elements.map(keyOf).join()}]`;
    case "object":
      return `{${[...type.attributes]
        .map(([name, part]) => `${JSON.stringify(name)}:${keyOf(part)}`)
        .sort()
        .join()}}`;
    case "list":
    case "set":
    case "map":
      return `${type.kind}(${keyOf(type.element)})`;
    default:
      return type.kind;
  }
}
