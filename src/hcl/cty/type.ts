/** The type of a value, as HashiCorp's cty has it. `any` is what a type may leave open, and the type of a bare `null`. */
export type Type =
  | { readonly kind: "bool" | "number" | "string" | "any" }
  | { readonly kind: "list"; readonly element: Type }
  | { readonly kind: "set"; readonly element: Type }
  | { readonly kind: "map"; readonly element: Type }
  | { readonly kind: "tuple"; readonly elements: readonly Type[] }
  | { readonly kind: "object"; readonly attributes: ReadonlyMap<string, Type> };

export const BOOL: Type = { kind: "bool" };
export const NUMBER: Type = { kind: "number" };
export const STRING: Type = { kind: "string" };
export const ANY: Type = { kind: "any" };

/** A list whose elements have all the same type. */
export function listOf(element: Type): Type {
  return { kind: "list", element };
}

/** Whether two types are the same in all their parts. */
export function isSameType(a: Type, b: Type): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case "list":
    case "set":
    case "map":
      return a.kind === b.kind && isSameType(a.element, b.element);
    case "tuple":
      return (
        b.kind === "tuple" &&
        a.elements.length === b.elements.length &&
        a.elements.every((element, index) => isSameType(element, b.elements[index] ?? ANY))
      );
    case "object":
      return (
        b.kind === "object" &&
        a.attributes.size === b.attributes.size &&
        [...a.attributes].every(([name, type]) => {
          const other = b.attributes.get(name);
          return other !== undefined && isSameType(type, other);
        })
      );
    default:
      return a.kind === b.kind;
  }
}

const NAMES: Readonly<Record<Type["kind"], string>> = {
  bool: "a boolean",
  number: "a number",
  string: "text",
  any: "null",
  list: "a list",
  set: "a set",
  map: "a map",
  tuple: "a list",
  object: "an object",
};

/** A type in words, for messages: `a list of text`, `an object`. */
export function describeType(type: Type): string {
  if ((type.kind === "list" || type.kind === "set" || type.kind === "map") && type.element.kind !== "any") {
    return `${NAMES[type.kind]} of ${describeMany(type.element)}`;
  }
  return NAMES[type.kind];
}

const PLURALS: Readonly<Record<Type["kind"], string>> = {
  bool: "booleans",
  number: "numbers",
  string: "text",
  any: "anything",
  list: "lists",
  set: "sets",
  map: "maps",
  tuple: "lists",
  object: "objects",
};

function describeMany(type: Type): string {
  return PLURALS[type.kind];
}
