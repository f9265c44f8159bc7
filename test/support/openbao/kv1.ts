import { parseSeconds } from "./decode.ts";
import type { Backend, Handler } from "./framework.ts";
import { inFolder } from "./kv-store.ts";
import { type Data, defaultTtl, listResponse, Refusal } from "./logical.ts";

/** Makes a KV version 1 engine: it has one value for each path, and `data/x` is a path like any other. */
export function kv1Backend(): Backend {
  const values = new Map<string, Data>();
  const write: Handler = ({ data }, fields) => {
    if (fields.get("path") === "") throw new Refusal(400, "missing path");
    if (Object.keys(data).length === 0) throw new Refusal(400, "missing data fields");
    values.set(fields.get("path"), data);
  };
  return {
    paths: [
      {
        pattern: /^(?<path>.*)$/,
        fields: { path: "string" },
        exists: (fields) => values.has(fields.get("path")),
        operations: {
          create: write,
          update: write,
          read: (_, fields) => {
            const data = values.get(fields.get("path"));
            return data && { data, leaseDuration: leaseOf(data) };
          },
          delete: (_, fields) => void values.delete(fields.get("path")),
          list: (_, fields) => listResponse(inFolder(values.keys(), fields.get("path"))),
        },
      },
    ],
  };
}

function leaseOf(data: Data): number {
  const ttl = data["ttl"] ?? data["lease"];
  try {
    return ttl === undefined ? defaultTtl : Math.trunc(parseSeconds(ttl));
  } catch {
    return defaultTtl;
  }
}
