import * as v from "valibot";

// Replies are read with what this program needs of them and no more: an agent that is older or newer, or a real Nomad, may leave out
// or add what it likes. Go writes null for what is empty.

export const text = v.nullish(v.string(), "");
export const count = v.nullish(v.number(), 0);
export const flag = v.nullish(v.boolean(), false);
export const list = <S extends v.GenericSchema>(item: S) => v.nullish(v.array(item), []);

/**
 * Values by name. Valibot's own record leaves out `constructor`, `prototype` and `__proto__`, and tasks may be called so. What is read
 * has no other members than those that came.
 */
export const map = <S extends v.GenericSchema>(value: S) =>
  v.nullish(
    v.pipe(
      v.instance(Object),
      v.transform((named) => new Map(Object.entries(named))),
      v.map(v.string(), value),
      v.transform(fromEntries),
    ),
    {},
  );
export const textMap = map(v.string());

function fromEntries<T>(entries: ReadonlyMap<string, T>): Record<string, T> {
  const named: Record<string, T> = Object.create(null);
  for (const [name, value] of entries) named[name] = value;
  return named;
}
