/** Tells JSON from HCL as Nomad does: a text whose first character besides white space is `{` is JSON. */
export function isJsonText(input: string | Uint8Array): boolean {
  // A byte order mark counts as white space.
  return /^\s*\{/.test(typeof input === "string" ? input : new TextDecoder().decode(input));
}
