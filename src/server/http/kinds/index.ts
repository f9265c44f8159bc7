import type { Resource } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { tokenIdOf } from "../../core/access/policy.ts";
import type { Row } from "../../core/store/types.ts";
import type { Call } from "../route.ts";
import type { Server } from "../server.ts";

/** What the routes of a kind do beyond what its descriptor says. */
export interface KindExtras {
  /** Adds to the answer to a create. */
  created?(server: Server, call: Call, object: Resource): Promise<void>;
  /** Adds to the answer to a change. */
  updated?(server: Server, call: Call, object: Resource): Promise<void>;
  /** Questions that a read of one object takes, for the API description. */
  readQuery?: Readonly<Record<string, string>>;
  /** What a read of one object tells besides it; undefined when nothing more was asked for. */
  read?(server: Server, call: Call, row: Row): Promise<object | undefined>;
}

/** A backend that was asked so many milliseconds ago is not asked again. */
const recent = 5000;

export const kindExtras: Readonly<Record<string, KindExtras>> = {
  llm: {
    /** Whether url and key are right, found out once. A failure is told, and refuses nothing. */
    async created(server, call, object) {
      if (call.query.get("probe") !== "false") object["probe"] = await server.inference.probe(object.id);
    },
  },
  secretbackend: {
    created: addHealth,
    updated: addHealth,
    async read(server, call, row) {
      return { health: await healthOf(server, call, row) };
    },
  },
  secret: {
    readQuery: { reveal: "true: with its values; needs edit, and is audited" },
    async read(server, call, row) {
      if (call.query.get("reveal") !== "true") return undefined;
      const { principal, requestId } = call;
      server.resources.find(principal, "update", kindOf("secret"), row.id);
      const data = await server.secrets.read(row);
      await server.audit.record({
        at: server.now(),
        action: "reveal",
        requestId,
        userId: principal.userId,
        tokenId: tokenIdOf(principal),
        status: 200,
        detail: { kind: row.kind, name: row.name, id: row.id },
      });
      return { data };
    },
  },
};

/** Whether a backend can be reached and lets us in. A failure is told, and refuses nothing. */
async function addHealth(server: Server, call: Call, object: Resource): Promise<void> {
  const row = server.catalogue.snapshot.byId.get(object.id);
  if (row) object["health"] = await healthOf(server, call, row);
}

/** How a backend is, as of now: whoever looks at one, or changes it, wants to know. */
async function healthOf(server: Server, { principal }: Call, row: Row): Promise<unknown> {
  const checked = server.catalogue.snapshot.moving.health.get(row.id)?.checkedAt;
  if (!checked || server.now() - Date.parse(checked) >= recent) await server.backends.check(row);
  return server.resources.present(principal, kindOf("secretbackend"), row)["health"];
}
