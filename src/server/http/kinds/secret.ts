import { Type } from "@sinclair/typebox";
import type { Resource } from "../../../kinds/define.ts";
import { kindOf, kinds } from "../../../kinds/index.ts";
import { decideToShow, isShown } from "../../core/access/parts.ts";
import { decide } from "../../core/access/policy.ts";
import { userPrincipal } from "../../core/access/principals.ts";
import { eventBy } from "../../core/caller.ts";
import { type Migrated, type MigrationRequest, migrate } from "../../secrets/migrate.ts";
import { readBody } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import type { KindRoutes } from "./define.ts";

const name = Type.String({ minLength: 1 });

/** The most objects that a warning names. */
const mostNamed = 5;

const MigrationBody = Type.Object(
  {
    from: name,
    to: name,
    names: Type.Optional(Type.Array(name, { minItems: 1, maxItems: 10_000 })),
    keepSource: Type.Optional(Type.Boolean()),
    dryRun: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

/** Adds the values of a secret, for callers that may edit it, a warning, and the migration of secrets to another backend. */
export const secretRoutes: KindRoutes = {
  updated: warnOfFormerUsers,
  readQuery: { reveal: "true: return the values, too; needs edit, and is audited" },
  async read(server, call, row) {
    if (call.query.get("reveal") !== "true") return undefined;
    server.resources.find(call.principal, "update", kindOf("secret"), row.id);
    const data = await server.secrets.read(row);
    const detail = { kind: row.kind, name: row.name, id: row.id };
    await server.audit.record(eventBy(call, { at: server.now(), action: "reveal", status: 200, detail }));
    return { data };
  },
  routes: (server): Route[] => [
    {
      method: "POST",
      path: "/api/v1/secrets/migrate",
      access: { action: "migrate-secrets" },
      summary: "Move secrets to another backend; with accept: application/x-ndjson, results are streamed",
      body: MigrationBody,
      handle: async (call) => migrated(server, call, await readBody(call, server.deadlines, MigrationBody)),
    },
  ],
};

/**
 * Warns whoever changes a secret that its value goes on to what users have set up who may no longer use it: their llms would
 * all stop if it did not.
 */
async function warnOfFormerUsers(
  { catalogue: { snapshot } }: Server,
  { principal }: Call,
  object: Resource,
): Promise<void> {
  const secret = snapshot.named("secret", String(object["name"]));
  if (!secret) return;
  const found: string[] = [];
  for (const kind of kinds)
    for (const row of snapshot.table(kind.kind).sorted) {
      if (!snapshot.refsOf(row.id).some(({ toId }) => toId === secret.id)) continue;
      const owner = userPrincipal(snapshot, row.owner);
      if (!owner || decide(owner, "expose", "secrets", secret.name, secret) === "allow") continue;
      const scope = row.scope === "" ? undefined : row.scope;
      if (isShown(decideToShow(snapshot, principal, kind, { name: row.name, scope, row })))
        found.push(`${kind.kind} '${row.name}' of ${owner.userName}`);
    }
  if (found.length === 0) return;
  const more = found.length > mostNamed ? ` and ${found.length - mostNamed} more` : "";
  object["warnings"] = [
    `the value also goes to ${found.slice(0, mostNamed).join(", ")}${more}, without expose on the secret; ` +
      "take the secret off what should not have it, or grant expose",
  ];
}

/** Number of secrets by result. */
type Summary = Record<Migrated["result"], number>;

async function migrated(server: Server, call: Call, migration: MigrationRequest): Promise<Response> {
  const { total, results } = migrate(migration, call, server);
  const summary: Summary = { migrated: 0, skipped: 0, planned: 0, failed: 0 };
  if (!call.request.headers.get("accept")?.includes("application/x-ndjson")) {
    const all: Migrated[] = [];
    for await (const one of results) {
      summary[one.result]++;
      all.push(one);
    }
    return Response.json({ from: migration.from, to: migration.to, results: all, summary });
  }
  const encoder = new TextEncoder();
  const line = (value: object) => encoder.encode(`${JSON.stringify(value)}\n`);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(line({ total })),
    async pull(controller) {
      const { done, value } = await results.next();
      if (!done) summary[value.result]++;
      controller.enqueue(line(done ? { summary } : value));
      if (done) controller.close();
    },
    // A caller that goes away interrupts the migration: it finishes the current secret and leaves the others.
    cancel: async () => void (await results.return(undefined)),
  });
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}
