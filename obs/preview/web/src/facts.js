// What each panel knows of itself that its pixels do not tell: values, axes, thresholds. `layout.js` puts it together.

const known = new Map();

/** Remembers facts of the panel `key`; those given before under other names stay. */
export function tell(key, facts) {
  known.set(key, { ...known.get(key), ...facts });
}

/** Forgets a panel that is about to be drawn anew. */
export function forget(key) {
  known.delete(key);
}

/** Returns what was told of the panel `key`. */
export function toldOf(key) {
  return known.get(key) ?? {};
}
