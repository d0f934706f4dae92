/**
 * Broken numbers as Java writes them, and so Kafka's tools: with a point, and with powers of ten where they are large or small.
 */

/** From here on, and below the second, Java writes powers of ten. */
const POWERS_FROM = 1e7;
const POWERS_BELOW = 1e-3;

/** As Java's Double.toString. */
export function javaText(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  if (!Number.isFinite(value) || (size >= POWERS_BELOW && size < POWERS_FROM))
    return Number.isInteger(value) ? `${value}.0` : String(value);
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}
