/** A whole number with commas between thousands: `1,234,567`. */
export function numberText(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Dollars of calls: `$0.1235`, and `<$0.0001` for those that cost less, because they were not free. */
export function costText(dollars: number): string {
  return dollars > 0 && dollars < 0.0001 ? "<$0.0001" : `$${dollars.toFixed(4)}`;
}
