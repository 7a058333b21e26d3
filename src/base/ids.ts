/** A new random id in Nomad's form, a version 4 UUID. */
export function newId(): string {
  return crypto.randomUUID();
}

/** The first eight characters of an id: what Nomad shows people. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
