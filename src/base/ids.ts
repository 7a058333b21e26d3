/** A new random id in Nomad's form, a version 4 UUID. */
export function newId(): string {
  return crypto.randomUUID();
}

/** The first eight characters of an id: what Nomad shows people. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** Whether a UUID can begin with this text. */
export function isIdPrefix(text: string): boolean {
  return /^[0-9a-f-]{0,36}$/i.test(text);
}
