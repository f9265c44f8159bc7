import { type Core, mountAt } from "./core.ts";
import { weakString } from "./decode.ts";
import { name, type Path } from "./framework.ts";
import { type Data, listResponse, notHere, Refusal, sorted } from "./logical.ts";

interface Quota {
  name: string;
  path: string;
  rate: number;
  /** Seconds. */
  interval: number;
  blockInterval: number;
  /** End of the current interval, number of requests left in it, and end of the block. */
  end: number;
  left: number;
  blockedUntil: number;
}

/** Rate limits by name. */
export type Quotas = Map<string, Quota>;

const exempt = ["sys/health", "sys/seal-status", "sys/unseal"];

/** Counts a request. Throws a Refusal if a limit is reached. `path` is the path after `/v1/`. */
export function countRequest(core: Core, quotas: Quotas, path: string): void {
  if (core.sealed || exempt.includes(path)) return;
  const quota = [...quotas.values()]
    .filter((one) => path.startsWith(one.path))
    .reduce<Quota | undefined>(
      (longest, one) => (longest && longest.path.length >= one.path.length ? longest : one),
      undefined,
    );
  if (quota === undefined) return;
  const now = core.now();
  const refusal = new Refusal(429, `request path ${JSON.stringify(path)}: rate limit quota exceeded`);
  if (now < quota.blockedUntil) throw refusal;
  if (now >= quota.end) {
    quota.end = now + quota.interval * 1000;
    quota.left = quota.rate;
  }
  if (quota.left < 1) {
    quota.blockedUntil = now + quota.blockInterval * 1000;
    throw refusal;
  }
  quota.left--;
}

/** Makes the paths `sys/quotas/rate-limit`. */
export function quotaPaths(core: Core, quotas: Quotas): Path[] {
  return [
    {
      pattern: /^quotas\/rate-limit\/?$/,
      operations: { list: () => listResponse(sorted(quotas.keys())) },
    },
    {
      pattern: new RegExp(`^quotas/rate-limit/(?<name>${name})$`),
      fields: {
        name: "string",
        type: "string",
        path: "string",
        role: "string",
        rate: "string",
        interval: "seconds",
        block_interval: "seconds",
        inheritable: "bool",
      },
      operations: {
        read: (_, fields) => {
          const quota = quotas.get(fields.get("name"));
          return quota && { data: shown(quota) };
        },
        delete: (_, fields) => void quotas.delete(fields.get("name")),
        update: ({ namespace }, fields) => {
          const rate = Number(weakString(fields.get("rate")) || 0);
          if (!(rate > 0)) throw new Refusal(400, "'rate' is invalid");
          for (const unknown of ["role", "inheritable"])
            if (fields.has(unknown)) throw notHere(`${unknown} of rate limits`);
          const given: string = fields.get("path").replace(/^\/+|\/+$/g, "");
          const path = given === "" ? "" : `${given}/`;
          const mount = path === "" ? undefined : mountAt(core, namespace, path);
          if (path !== "" && mount === undefined)
            throw new Refusal(400, `invalid mount path ${JSON.stringify(path)}`);
          quotas.set(fields.get("name"), {
            name: fields.get("name"),
            path: mount?.path === path ? path : given,
            rate,
            interval: fields.get("interval") || 1,
            blockInterval: fields.get("block_interval"),
            end: 0,
            left: 0,
            blockedUntil: 0,
          });
        },
      },
    },
  ];
}

function shown({ name, path, rate, interval, blockInterval }: Quota): Data {
  return {
    block_interval: blockInterval,
    inheritable: path === "",
    interval,
    name,
    path,
    rate,
    role: "",
    type: "rate-limit",
  };
}
