import { nearestName } from "../base/text.ts";
import { listNodeNames, lookUpNode } from "../job/interpolate.ts";
import type { Node } from "../node/node.ts";

/** One side of a constraint, looked up. */
export interface Target {
  /** Undefined when this node has no such attribute. */
  readonly value: string | undefined;
  /** The name between the braces, `attr.kernel.version`; undefined for literal text. */
  readonly name: string | undefined;
  /** What its writer should know: a spelling that Nomad does not have, a name that is nearly one. */
  readonly note: string | undefined;
}

/** How the documentation of Nomad's qemu driver spells what is `${attr.driver.qemu.version}`; no Nomad has ever understood it. */
const DRIVER_ALIAS = "driver.";

/** Known by name, and there only where a guest has run under KVM. */
const KVM_ATTRIBUTE = "attr.driver.qemu.kvm";

/**
 * Looks up the left or right side of a constraint. Only the whole text can be a name, `${attr.kernel.name}`; what does not begin
 * with `${` is literal (NOMAD.md 1.5).
 */
export function resolveTarget(text: string, node: Node): Target {
  if (!text.startsWith("${")) return { value: text, name: undefined, note: noteOnLiteral(text, node) };
  const written = /^\$\{([^{}]*)\}$/.exec(text)?.[1];
  if (written === undefined) return { value: undefined, name: undefined, note: `${text} is not one whole \${…}` };
  const alias = written.startsWith(DRIVER_ALIAS);
  const name = alias ? `attr.${written}` : written;
  const value = lookUpNode(name, node);
  if (alias) return { value, name, note: `\${${written}} is taken for \${${name}}; Nomad itself never matches it` };
  return { value, name, note: value === undefined ? noteOnMissing(name, node) : undefined };
}

function noteOnMissing(name: string, node: Node): string | undefined {
  if (name === KVM_ATTRIBUTE) return node.qemu.kvm.reason || undefined;
  const near = nearestName(name, listNodeNames(node));
  return near === undefined ? undefined : `did you mean \${${near}}?`;
}

/** `kernel.name` and `$attr.kernel.name` stand in old job files and are compared as the text they are. */
function noteOnLiteral(text: string, node: Node): string | undefined {
  const bare = text.replace(/^\$/, "");
  const name = [bare, `attr.${bare}`].find((candidate) => lookUpNode(candidate, node) !== undefined);
  return name === undefined ? undefined : `"${text}" is literal text; write \${${name}} for the attribute`;
}
