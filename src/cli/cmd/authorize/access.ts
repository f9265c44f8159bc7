import type { Resource } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { objectOf } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { objectPath, withNearestName } from "../../client/objects.ts";

/** The path of the access of the caller's calls to an MCP server. It is open to users who only call the server, too. */
export function accessPath(server: string): string {
  return `${objectPath(kindOf("server"), server)}/authorization`;
}

/**
 * Returns an MCP server with the caller's access to it. Users who only call it through a project do not see the server
 * itself, and get nothing else of it.
 *
 * @throws AppError `not_found` that suggests the nearest name
 */
export async function accessAt(client: ApiClient, server: string): Promise<Resource> {
  const kind = kindOf("server");
  try {
    return await client.call("GET", accessPath(server), { answer: objectOf(kind) });
  } catch (error) {
    throw await withNearestName(error, kind, server, client);
  }
}

/**
 * Returns an error about the access to an MCP server, with the nearest name if there is no such server. A server that the
 * caller calls and does not see is in no list.
 */
export async function withCalledName(error: unknown, server: string, client: ApiClient): Promise<unknown> {
  const isThere = await accessAt(client, server).then(
    () => true,
    () => false,
  );
  return isThere ? error : withNearestName(error, kindOf("server"), server, client);
}
