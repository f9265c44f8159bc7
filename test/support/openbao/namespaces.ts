import type { Core } from "./core.ts";
import type { Path } from "./framework.ts";
import { type Data, type Namespace, Refusal, randomText, sorted } from "./logical.ts";

const reserved = ["root", "sys", "audit", "auth", "cubbyhole", "identity"];

/** Makes the paths `sys/namespaces`. `addBuiltIns` adds the mounts and policies of a new namespace. */
export function namespacePaths(core: Core, addBuiltIns: (namespace: Namespace) => void): Path[] {
  const childrenOf = (parent: Namespace) =>
    core.namespaces.filter(
      ({ path }) =>
        path !== parent.path &&
        /^[^/]+\/$/.test(path.slice(parent.path.length)) &&
        path.startsWith(parent.path),
    );
  const child = (parent: Namespace, name: string) =>
    core.namespaces.find(({ path }) => path === `${parent.path}${name}/`);
  return [
    {
      pattern: /^namespaces\/?$/,
      fields: { after: "string", limit: "int" },
      operations: {
        list: ({ namespace }) => {
          const children = childrenOf(namespace);
          if (children.length === 0) return { data: {} };
          const named = children.map((one) => [one.path.slice(namespace.path.length), shown(one)] as const);
          return { data: { keys: sorted(named.map(([name]) => name)), key_info: Object.fromEntries(named) } };
        },
      },
    },
    {
      pattern: /^namespaces\/(?<path>.+)$/,
      fields: { path: "string", custom_metadata: "pairs" },
      operations: {
        read: ({ namespace }, fields) => {
          const found = child(namespace, fields.get("path"));
          return found && { data: shown(found) };
        },
        update: ({ namespace }, fields) => {
          const name: string = fields.get("path");
          checkName(name);
          const existing = child(namespace, name);
          if (existing !== undefined) {
            if (fields.has("custom_metadata")) existing.customMetadata = fields.get("custom_metadata");
            return { data: shown(existing) };
          }
          const made: Namespace = {
            id: randomText(6),
            uuid: crypto.randomUUID(),
            path: `${namespace.path}${name}/`,
            customMetadata: fields.get("custom_metadata"),
          };
          core.namespaces.push(made);
          addBuiltIns(made);
          return { data: shown(made) };
        },
        delete: ({ namespace }, fields) => {
          const found = child(namespace, fields.get("path"));
          if (found === undefined) return { warnings: ["requested namespace does not exist"] };
          if (childrenOf(found).length > 0)
            throw new Refusal(400, "unable to delete namespace containing child namespaces");
          core.namespaces.splice(core.namespaces.indexOf(found), 1);
          core.policies.delete(found.id);
          core.mounts = core.mounts.filter((mount) => mount.namespace !== found);
          for (const token of [...core.tokens.all()])
            if (token.namespace === found) core.tokens.revoke(token);
          return { data: { status: "in-progress" } };
        },
      },
    },
  ];
}

function checkName(name: string): void {
  const quoted = JSON.stringify(name);
  if (name.includes("/")) throw new Refusal(400, "namespace name cannot contain /");
  if (reserved.includes(name))
    throw new Refusal(
      400,
      `${JSON.stringify(`${name}/`)} is a reserved path and cannot be used as a namespace name`,
    );
  if (/\s/.test(name))
    throw new Refusal(400, `${quoted} contains space characters that cannot be used in a namespace name`);
}

function shown({ id, uuid, path, customMetadata }: Namespace): Data {
  return { custom_metadata: customMetadata, id, locked: false, path, tainted: false, uuid };
}
