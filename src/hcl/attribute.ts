import type { Content, Item } from "./content.ts";
import type { AttributeField } from "./describe.ts";
import type { Notes, Site } from "./notes.ts";
import type { Value } from "./value.ts";

/** Reads an attribute from what stands of it in a block; its default, or a stand-in when it is wrong or missing. */
export function readAttribute(
  notes: Notes,
  field: AttributeField,
  name: string,
  items: readonly Item[],
  site: Site,
  around: Content,
): unknown {
  const standIn = field.fallback ?? (field.required ? field.leaf.empty : undefined);
  const [first] = items;
  if (first === undefined) {
    if (field.required) notes.missing(site, around.span, `${notes.noun("attribute")} "${name}"`, around.incomplete);
    return standIn;
  }
  const value = writtenValue(notes, field, name, [first, ...items.slice(1)], site.where);
  if (value === undefined) {
    notes.place(site, { span: first.nameSpan, name, broken: true });
    return standIn;
  }
  const spot = notes.spot(site, name, value, field.secret);
  if (value.kind !== "null") return field.leaf.read(value, spot) ?? standIn;
  return field.required ? (spot.refuse(value, "set") ?? standIn) : standIn;
}

/** The value as it is written, with blocks that stand for a map made one; undefined when there is none to be had, which is told. */
function writtenValue(
  notes: Notes,
  field: AttributeField,
  name: string,
  items: readonly [Item, ...Item[]],
  where: string,
): Value | undefined {
  const [first, second] = items;
  const allBlocks = items.every((item) => item.block !== undefined);
  if (second !== undefined && !(field.form === "maps" && allBlocks)) {
    notes.twice(where, second.nameSpan, first.nameSpan, name, field.secret);
  }
  if (first.block === undefined) return first.value();
  if (field.form === "tree") return treeOfBlock(first.block);
  if (field.form === "attribute") {
    notes.error(where, first.nameSpan, `${name} is an attribute, found a block`, `write ${name} = …`);
    return undefined;
  }
  const maps = items.flatMap((item) =>
    item.block === undefined ? [] : [mapOfBlock(notes, item.block, name, where, field.secret)],
  );
  return field.form === "map" ? maps[0] : { kind: "list", items: maps, span: first.nameSpan };
}

function mapOfBlock(notes: Notes, content: Content, name: string, where: string, secret: boolean): Value {
  for (const label of content.labels) {
    notes.error(where, label.span, `${name} takes no label`, undefined, secret);
  }
  const entries = content.items.flatMap((item) => {
    if (item.block !== undefined) {
      notes.error(where, item.nameSpan, `${name} holds no blocks, found one`, `write ${item.name} = …`, secret);
      return [];
    }
    const value = item.value();
    return value === undefined ? [] : [{ key: item.name, keySpan: item.nameSpan, value }];
  });
  return { kind: "object", entries, span: content.span };
}

/** Blocks in it are lists, each label one object more around them, and so are objects: as Nomad's parser has it, from HCL's first version. */
function treeOfBlock({ items, labels, span }: Content): Value {
  const listed = (value: Value): Value =>
    value.kind === "object" ? { kind: "list", items: [value], span: value.span } : value;
  const entries = [...Map.groupBy(items, ({ name }) => name)].flatMap(([key, same]) => {
    const [{ nameSpan: keySpan } = { nameSpan: span }] = same;
    const blocks = same.flatMap(({ block }) => (block === undefined ? [] : [treeOfBlock(block)]));
    const value: Value | undefined =
      blocks.length > 0 ? { kind: "list", items: blocks, span: keySpan } : same[0]?.value();
    return value === undefined ? [] : [{ key, keySpan, value: blocks.length > 0 ? value : listed(value) }];
  });
  return labels.reduceRight<Value>(
    (inner, { text: key, span: keySpan }) => ({
      kind: "object",
      entries: [{ key, keySpan, value: { kind: "list", items: [inner], span: keySpan } }],
      span: keySpan,
    }),
    { kind: "object", entries, span },
  );
}
