import type { OpenBaoConfig } from "../../kinds/secret-backends/openbao.ts";
import { lasting } from "./faults.ts";

/** What a backend is, but for how one logs in. */
export interface Backend {
  /** For messages. */
  name: string;
  config: Omit<OpenBaoConfig, "auth">;
}

/** One segment of a ref: nothing that a URL parser or a server would fold, decode or cut (T38). */
const segment = "[a-z0-9][a-z0-9_-]{0,62}";
const refPattern = new RegExp(`^${segment}/${segment}$`);
const segmentPattern = new RegExp(`^${segment}$`);

/** Where the values of a ref are. Throws AppError for what is not a ref. */
export function dataPath(backend: Backend, ref: string): string {
  return `${backend.config.mount}/data/${backend.config.pathPrefix}/${checked(backend, ref)}`;
}

/** Where what is known about a ref is: its versions and its mark. Throws AppError for what is not a ref. */
export function metadataPath(backend: Backend, ref: string): string {
  return `${backend.config.mount}/metadata/${backend.config.pathPrefix}/${checked(backend, ref)}`;
}

/** The folder that the writes of a secret are in, or the one that all secrets are in; it ends in a slash. */
export function folderPath({ config: { mount, pathPrefix } }: Backend, secretId = ""): string {
  return `${mount}/metadata/${pathPrefix}/${secretId && `${secretId}/`}`;
}

/** Whether a name in a folder may be a part of a ref; what else is there is somebody else's. */
export function isRefSegment(name: string): boolean {
  return segmentPattern.test(name);
}

function checked({ name }: Backend, ref: string): string {
  if (!refPattern.test(ref)) throw lasting(name, "a ref is not one that mcpctl gives");
  return ref;
}

/** The lines of a policy that let mcpctl do its work, and nothing else. */
export function policyLines(
  { config: { mount, pathPrefix } }: Backend,
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

/** A line as it stands in a policy. */
export function policyLine({ path, capabilities }: ReturnType<typeof policyLines>[number]): string {
  return `path "${path}" { capabilities = ${JSON.stringify(capabilities).replaceAll(",", ", ")} }`;
}
