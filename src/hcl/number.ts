/** Beyond this exponent a number is told as a double prints it: a text of thousands of zeros helps nobody. */
const MAX_EXPONENT = 1000;

/**
 * A number of HCL or JSON as plain decimal digits, exactly, without exponent and needless zeros: how HCL turns a number into text
 * (`1.50` and `15e-1` are `1.5`).
 * @param text the number as it was written.
 */
export function formatNumber(text: string): string {
  const [, sign = "", whole = "", fraction = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const exponent = Number(power);
  if (whole === "" || Math.abs(exponent) > MAX_EXPONENT) return String(Number(text));
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const integer = digits.slice(0, Math.max(point, 0)).padEnd(point, "0").replace(/^0+/, "");
  const decimals = (point < 0 ? "0".repeat(-point) + digits : digits.slice(point)).replace(/0+$/, "");
  if (integer === "" && decimals === "") return "0";
  return sign + (integer === "" ? "0" : integer) + (decimals === "" ? "" : `.${decimals}`);
}
