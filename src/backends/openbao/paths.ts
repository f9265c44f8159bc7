import type { OpenBaoConfig } from "../../kinds/secret-backends/openbao.ts";
import type { ProxyRule } from "../../proxies.ts";
import { permanent } from "./faults.ts";

/** A backend without its login. */
export interface BaoBackend {
  /** For messages. */
  name: string;
  config: Omit<OpenBaoConfig, "auth">;
  /** The proxy of each URL that is called. */
  proxyFor?: ProxyRule | undefined;
}

/** Pattern of a segment of a ref: no URL parser or server folds, decodes or cuts such a text (T38). */
const segment = "[a-z0-9][a-z0-9_-]{0,62}";
const refPattern = new RegExp(`^${segment}/${segment}$`);
const segmentPattern = new RegExp(`^${segment}$`);

/** Returns the path of the values of a ref. Throws AppError for a text that is not a ref. */
export function dataPath(backend: BaoBackend, ref: string): string {
  return `${backend.config.mount}/data/${backend.config.pathPrefix}/${checked(backend, ref)}`;
}

/** Returns the path of the metadata of a ref: its versions and its mark. Throws AppError for a text that is not a ref. */
export function metadataPath(backend: BaoBackend, ref: string): string {
  return `${backend.config.mount}/metadata/${backend.config.pathPrefix}/${checked(backend, ref)}`;
}

/** Returns the folder of the writes of one secret, or the folder of all secrets. It ends with a slash. */
export function folderPath({ config: { mount, pathPrefix } }: BaoBackend, secretId = ""): string {
  return `${mount}/metadata/${pathPrefix}/${secretId && `${secretId}/`}`;
}

/** True if a name in a folder can be a segment of a ref. Other names belong to somebody else. */
export function isRefSegment(name: string): boolean {
  return segmentPattern.test(name);
}

function checked({ name }: BaoBackend, ref: string): string {
  if (!refPattern.test(ref)) throw permanent(name, "the ref is not one of mcpctl");
  return ref;
}

/** Returns the lines of a policy with everything that mcpctl needs, and nothing else. */
export function policyLines(
  { config: { mount, pathPrefix } }: BaoBackend,
  tokenRole?: string,
): readonly { path: string; capabilities: readonly string[] }[] {
  return [
    { path: `${mount}/data/${pathPrefix}/*`, capabilities: ["create", "update", "read"] },
    {
      path: `${mount}/metadata/${pathPrefix}/*`,
      capabilities: ["create", "update", "read", "list", "delete"],
    },
    { path: "auth/token/lookup-self", capabilities: ["read"] },
    { path: "auth/token/renew-self", capabilities: ["update"] },
    { path: "auth/token/revoke-self", capabilities: ["update"] },
    ...(tokenRole === undefined
      ? []
      : [{ path: `auth/token/create/${tokenRole}`, capabilities: ["update"] }]),
  ];
}

/** Returns the text of a line of a policy. */
export function policyLine({ path, capabilities }: ReturnType<typeof policyLines>[number]): string {
  return `path "${path}" { capabilities = ${JSON.stringify(capabilities).replaceAll(",", ", ")} }`;
}
