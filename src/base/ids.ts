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

/** FNV-1a: names that stay the same over restarts, nothing that anybody is to be kept from guessing. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
