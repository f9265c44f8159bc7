/**
 * Returns a function that computes a value once for each object and then remembers it, for as long as the object
 * lives. For objects that never change, such as rows and snapshots.
 */
export function oncePerObject<Key extends object, Value extends object>(
  compute: (key: Key) => Value,
): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => {
    const found = known.get(key);
    if (found) return found;
    const value = compute(key);
    known.set(key, value);
    return value;
  };
}
