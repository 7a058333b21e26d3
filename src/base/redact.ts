/** What stands in the place of what nobody may read over a shoulder. */
export const BLANK = "***";

/**
 * A text without the data of QEMU's own secret objects: `-object secret,id=a,data=…` in any order of its keys, and in the spelling of JSON,
 * also inside other JSON.
 */
export function blankSecretData(text: string): string {
  return text
    .replace(/(?<![^\s"'\\])[^\s"'\\]*\bsecret\b[^\s"'\\]*/g, (word) =>
      word.replace(/((?:^|,)data=)(?:,,|[^,])+/g, `$1${BLANK}`),
    )
    .replace(/\{[^{}]*\bsecret\b[^{}]*\}/g, (object) =>
      object.replace(/(\bdata\\*"\s*:\s*(\\*)")(?:(?!\2").)*/g, `$1${BLANK}`),
    );
}
