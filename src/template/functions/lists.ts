import { TemplateFault } from "../fault.ts";
import { describeItem, flagItem, type Item, intItem, NIL, textItem } from "../item.ts";
import { type FunctionTable, fixed, intAt, type Surroundings, textAt, wanted } from "./function.ts";
import { trimSpace } from "./text.ts";

/** Functions that make lists and maps, or look into them. */
export const LIST_FUNCTIONS: FunctionTable = {
  split: fixed(2, split),
  splitToMap: fixed(3, splitToMap),
  loop: { least: 1, most: 2, run: loop },
  len: fixed(1, length),
  index: { least: 1, most: Infinity, run: index },
  slice: { least: 1, most: 4, run: slice },
  in: fixed(2, ([list = NIL, value = NIL], { budget }) => flagItem(isIn(list, value, budget.step.bind(budget)))),
  contains: fixed(2, ([value = NIL, list = NIL], { budget }) => flagItem(isIn(list, value, budget.step.bind(budget)))),
  containsAll: some(true, true),
  containsAny: some(false, false),
  containsNone: some(true, false),
  containsNotAll: some(false, true),
};

function pieces(text: string, separator: string, { budget }: Surroundings): string[] {
  const trimmed = trimSpace(text);
  const found = trimmed === "" ? [] : separator === "" ? [...trimmed] : trimmed.split(separator);
  budget.step(found.length);
  budget.text(text.length);
  return found;
}

function split(values: readonly Item[], surroundings: Surroundings): Item {
  const found = pieces(textAt(values, 1), textAt(values, 0), surroundings);
  return { kind: "list", items: found.map(textItem), ofText: true };
}

function splitToMap(values: readonly Item[], surroundings: Surroundings): Item {
  const [first, second] = [textAt(values, 0), textAt(values, 1)];
  const entries = new Map<string, Item>();
  for (const piece of pieces(textAt(values, 2), first, surroundings)) {
    const at = piece.indexOf(second);
    if (at !== -1) entries.set(piece.slice(0, at), textItem(piece.slice(at + second.length)));
  }
  return { kind: "map", entries, ofText: true };
}

function loop(values: readonly Item[]): Item {
  const bounds = values.map((item, at) => {
    if (item.kind === "text" && /^([+-]?\d{1,19})?$/.test(item.value)) return BigInt(item.value.replace("+", "") || 0);
    return intAt(values, at);
  });
  const [start, stop] = bounds.length === 1 ? [0n, ...bounds] : bounds;
  return { kind: "loop", start: start ?? 0n, stop: stop ?? 0n };
}

function length([item = NIL]: readonly Item[]): Item {
  if (item.kind === "text") return intItem(BigInt(Buffer.byteLength(item.value)));
  if (item.kind === "list") return intItem(BigInt(item.items.length));
  if (item.kind === "map") return intItem(BigInt(item.entries.size));
  throw wanted("text, a list or a map", item, 0);
}

function index([item = NIL, ...keys]: readonly Item[], { budget }: Surroundings): Item {
  return keys.reduce((found, key, at) => {
    if (found.kind === "map") {
      if (key.kind !== "text") throw wanted("text, a key of the map", key, at + 1);
      return found.entries.get(key.value) ?? (found.ofText ? textItem("") : NIL);
    }
    if (found.kind !== "list" && found.kind !== "text") {
      throw new TemplateFault(`nothing has an index in ${describeItem(found)}`);
    }
    if (key.kind !== "int") throw wanted("a whole number", key, at + 1);
    if (found.kind === "text") budget.look(found.value.length);
    const bytes = found.kind === "text" ? Buffer.from(found.value) : undefined;
    const count = found.kind === "list" ? found.items.length : (bytes?.length ?? 0);
    if (key.value < 0n || key.value >= BigInt(count)) throw new TemplateFault(`value ${at + 2} is out of the range`);
    if (found.kind === "list") return found.items[Number(key.value)] ?? NIL;
    return intItem(BigInt(bytes?.[Number(key.value)] ?? 0));
  }, item);
}

function slice(values: readonly Item[], { budget }: Surroundings): Item {
  const [item = NIL, ...places] = values;
  if (item.kind !== "text" && item.kind !== "list") throw wanted("text or a list", item, 0);
  if (item.kind === "text" && places.length > 2)
    throw new TemplateFault("a slice of text takes two places at the most");
  const bytes = item.kind === "text" ? Buffer.from(item.value) : undefined;
  const count = item.kind === "list" ? item.items.length : (bytes?.length ?? 0);
  const numbers = places.map((_, at) => intAt(values, at + 1));
  const [start = 0n, end = BigInt(count), most = BigInt(count)] = numbers;
  if (start < 0n || start > end || end > most || most > BigInt(count)) {
    throw new TemplateFault("a place of the slice is out of the range");
  }
  if (item.kind === "list") budget.look(item.items.length);
  if (item.kind === "list") return { ...item, items: item.items.slice(Number(start), Number(end)) };
  const part = bytes?.subarray(Number(start), Number(end)) ?? Buffer.alloc(0);
  const text = part.toString("utf8");
  if (!Buffer.from(text).equals(part)) throw new TemplateFault("the slice cuts a character into pieces");
  return textItem(text);
}

/** consul-template's `in`: numbers of one kind and texts; a text is in a longer one. */
function isIn(list: Item, value: Item, step: (count: number) => void): boolean {
  if (list.kind === "text") return value.kind === "text" && list.value.includes(value.value);
  if (list.kind !== "list") return false;
  step(list.items.length);
  return list.items.some((item) => {
    if (item.kind !== value.kind) return false;
    if (item.kind !== "text" && item.kind !== "int" && item.kind !== "float") return false;
    return "value" in value && item.value === value.value;
  });
}

function some(otherwise: boolean, inverted: boolean) {
  return fixed(2, (values, { budget }) => {
    const [wantedItems = NIL, list = NIL] = values;
    if (wantedItems.kind !== "list" || wantedItems.ofText) throw wanted("a list as parseJSON gives it", wantedItems, 0);
    for (const item of wantedItems.items) {
      if (isIn(list, item, budget.step.bind(budget)) !== inverted) return flagItem(!otherwise);
    }
    return flagItem(otherwise);
  });
}
