import type { Snapshot } from "../../core/store/snapshot.ts";
import type { ProjectRow } from "../../core/store/typed-rows.ts";

/** The path of a project's endpoint for MCP clients. */
export const projectMcpPath = "/projects/:name/mcp";

export function projectPath(name: string): string {
  return projectMcpPath.replace(":name", encodeURIComponent(name));
}

/**
 * Returns the name of the project whose endpoint a URL is (RFC 8707); undefined for any other URL.
 *
 * @param bases the URLs of this server, without a slash at their ends
 */
export function projectNamed(resource: string, bases: readonly string[]): string | undefined {
  const url = resource.length > 500 || resource.includes("#") ? null : URL.parse(resource);
  if (url?.search !== "" || url.username !== "" || url.password !== "") return undefined;
  for (const base of bases) {
    const own = URL.parse(base);
    if (!own || own.origin !== url.origin) continue;
    const [, name] =
      /^\/projects\/([^/]+)\/mcp\/?$/.exec(url.pathname.slice(own.pathname.replace(/\/$/, "").length)) ?? [];
    if (name !== undefined && url.pathname.startsWith(own.pathname.replace(/\/$/, ""))) return name;
  }
  return undefined;
}

/** Returns the project whose endpoint a URL is; undefined if there is none. */
export function projectAt(
  snapshot: Snapshot,
  resource: string,
  bases: readonly string[],
): ProjectRow | undefined {
  const name = projectNamed(resource, bases);
  return name === undefined ? undefined : snapshot.named("project", name);
}
