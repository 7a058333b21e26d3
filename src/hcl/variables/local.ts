import type { Attribute, Body } from "../ast.ts";
import type { Diagnostic } from "../diagnostic.ts";
import { quoteName } from "../limits.ts";
import { memberOf, referencesIn } from "../syntax/references.ts";

/** The locals of a file in an order in which each one stands behind those that it refers to. */
export interface OrderedLocals {
  readonly order: readonly Attribute[];
  /** Those that refer to themselves, alone or by others; it was told. */
  readonly circular: ReadonlySet<string>;
}

/** Reads all `locals` blocks, which may stand in any order. */
export function orderLocals(body: Body, diagnostics: Diagnostic[]): OrderedLocals {
  const locals = new Map<string, Attribute>();
  for (const block of body.blocks.filter(({ type }) => type === "locals")) {
    for (const label of block.labels) tell(diagnostics, label.span, "locals takes no label");
    for (const { type, typeSpan } of block.body.blocks) {
      tell(diagnostics, typeSpan, `locals holds no blocks, found ${quoteName(type)}`, `write ${type} = { … }`);
    }
    for (const attribute of block.body.attributes) {
      const first = locals.get(attribute.name);
      if (first === undefined) locals.set(attribute.name, attribute);
      else {
        const message = `local ${quoteName(attribute.name)} is set twice; first on line ${first.nameSpan.start.line}`;
        tell(diagnostics, attribute.nameSpan, message);
      }
    }
  }
  return sortLocals(locals, diagnostics);
}

function tell(diagnostics: Diagnostic[], span: Attribute["nameSpan"], message: string, hint?: string): void {
  diagnostics.push({ severity: "error", span, message, hint });
}

/** A local whose references are being gone through. */
interface Frame {
  readonly local: Attribute;
  readonly needs: readonly string[];
  next: number;
}

/** Depth first, without recursion: a file may have a chain of thousands. */
function sortLocals(locals: ReadonlyMap<string, Attribute>, diagnostics: Diagnostic[]): OrderedLocals {
  const order: Attribute[] = [];
  const circular = new Set<string>();
  const done = new Set<string>();
  const frameOf = (local: Attribute): Frame => ({ local, needs: needsOf(local, locals), next: 0 });
  for (const start of locals.values()) {
    if (done.has(start.name)) continue;
    const path: Frame[] = [frameOf(start)];
    const open = new Set([start.name]);
    for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
      const need = frame.needs[frame.next++];
      const local = need === undefined ? undefined : locals.get(need);
      if (local === undefined) {
        path.pop();
        open.delete(frame.local.name);
        done.add(frame.local.name);
        order.push(frame.local);
      } else if (open.has(local.name)) tellCircle(path, local.name, circular, diagnostics);
      else if (!done.has(local.name)) {
        path.push(frameOf(local));
        open.add(local.name);
      }
    }
  }
  return { order, circular };
}

/** The other locals that one refers to; itself where it refers to `local` as a whole, of which it is a part. */
function needsOf({ name, value }: Attribute, locals: ReadonlyMap<string, Attribute>): readonly string[] {
  const names = new Set<string>();
  for (const reference of referencesIn(value)) {
    if (reference.root !== "local") continue;
    const member = memberOf(reference) ?? name;
    if (locals.has(member)) names.add(member);
  }
  return [...names];
}

function tellCircle(path: readonly Frame[], name: string, circular: Set<string>, diagnostics: Diagnostic[]): void {
  const from = path.findIndex(({ local }) => local.name === name);
  const circle = path.slice(from).map(({ local }) => local);
  const [first] = circle;
  if (first === undefined) return;
  for (const local of circle) circular.add(local.name);
  const names = circle.map((local) => local.name);
  const shown = names.length > 8 ? [...names.slice(0, 7), "…"] : names;
  const message =
    names.length === 1
      ? `local ${quoteName(name)} refers to itself`
      : `locals refer to each other in a circle: ${[...shown, name].join(" → ")}`;
  diagnostics.push({ severity: "error", span: first.nameSpan, message });
}
