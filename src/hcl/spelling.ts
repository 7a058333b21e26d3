/** How a block is written, for hints: `port "label" { … }`, or in HCL's JSON syntax `"port": { "label": { … } }`. */
export function spellBlock(type: string, labels: readonly string[], json: boolean): string {
  const names = labels.map((label) => JSON.stringify(label));
  if (!json) return [type, ...names, "{ … }"].join(" ");
  return `${JSON.stringify(type)}: ${names.reduceRight((inner, name) => `{ ${name}: ${inner} }`, "{ … }")}`;
}
