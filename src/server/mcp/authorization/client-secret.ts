import { LoginFailure } from "../../../mcp/oauth/login-failure.ts";
import { headerFault } from "../../../wire/header-value.ts";
import type { Snapshot } from "../../core/store/snapshot.ts";
import type { McpServerRow } from "../../core/store/typed-rows.ts";
import type { ReadSecret } from "../types.ts";

/** The client that somebody has registered by hand for an MCP server. */
export interface OwnClient {
  clientId: string;
  clientSecret: string | undefined;
}

/** Returns the client of a server's definition, with its secret; undefined if it names none. @throws LoginFailure */
export async function ownClient(
  { spec }: McpServerRow,
  snapshot: Snapshot,
  read: ReadSecret,
): Promise<OwnClient | undefined> {
  const { clientId, clientSecretRef } = spec.oauth ?? {};
  if (clientId === undefined) return undefined;
  if (!clientSecretRef) return { clientId, clientSecret: undefined };
  const { name, key } = clientSecretRef;
  const secret = snapshot.named("secret", name);
  const value = secret && (await read(secret))[key];
  if (value === undefined)
    throw new LoginFailure(`key "${key}" of secret "${name}", the client's secret, does not exist`);
  const fault = headerFault(value);
  if (fault !== undefined)
    throw new LoginFailure(`key "${key}" of secret "${name}" cannot be sent: ${fault}`);
  return { clientId, clientSecret: value };
}
