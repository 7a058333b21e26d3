import type { Value } from "../value.ts";
import { boolean, type Datum, NULL, number, object, text, tuple } from "./datum.ts";
import { parseNumber, ZERO } from "./number.ts";

/** A value of JSON as the values of HCL are: lists of parts of any type, objects, exact numbers. @throws NumberRange. */
export function datumOfJson(value: Value): Datum {
  switch (value.kind) {
    case "null":
      return NULL;
    case "bool":
      return boolean(value.value);
    case "number":
      return number(parseNumber(value.text) ?? ZERO);
    case "string":
      return text(value.value);
    case "list":
      return tuple(value.items.map(datumOfJson));
    case "object":
      return object(new Map(value.entries.map(({ key, value: part }) => [key.normalize("NFC"), datumOfJson(part)])));
  }
}
