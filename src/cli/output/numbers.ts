/** A whole number with commas between thousands: `1,234,567`. */
export function numberText(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
