import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

/** The place in the page: `#/calls/req_1?llm=gpt` is `["calls", "req_1"]` with a query. */
export const route = computed(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
});

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Returns the address of a place in the page. */
export function placeOf(path: readonly string[], query: Record<string, string | undefined> = {}): string {
  const entries = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const text = new URLSearchParams(entries).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text && `?${text}`}`;
}

/** Goes to a place. With `replace`, the place before is not kept in the history. */
export function goTo(place: string, replace = false): void {
  if (replace) history.replaceState(null, "", place);
  else history.pushState(null, "", place);
  hash.value = location.hash;
}
