/** A picture of one red pixel. */
export const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

/** A sound of one sample. */
export const wav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQEAAACAAA==";

export const resources = [
  { uri: "test://static-text", name: "static-text", mimeType: "text/plain" },
  { uri: "test://static-binary", name: "static-binary", mimeType: "image/png" },
  { uri: "test://watched-resource", name: "watched-resource", mimeType: "text/plain" },
];

export const templates = [
  { uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" },
];

type Contents = { uri: string; mimeType: string } & ({ text: string } | { blob: string });

/** Returns the contents of a resource, or undefined if there is none. */
export function readResource(uri: string): Contents | undefined {
  if (uri === "test://static-binary") return { uri, mimeType: "image/png", blob: png };
  if (resources.some((one) => one.uri === uri))
    return { uri, mimeType: "text/plain", text: `text of ${uri}` };
  const [, id] = /^test:\/\/template\/([^/]+)\/data$/.exec(uri) ?? [];
  return id === undefined ? undefined : { uri, mimeType: "application/json", text: JSON.stringify({ id }) };
}
