import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { oneOf } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { typesWithSetUp } from "../../../kinds/secret-backends/config.ts";
import { validate } from "../../../kinds/validate.ts";
import { type Migrated, type Migration, migrate } from "../../secrets/migrate.ts";
import { rotateToken } from "../../secrets/rotate-token.ts";
import { setUpBackend, type WizardRequest } from "../../secrets/wizard.ts";
import { parseObject, readText } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const closed = { additionalProperties: false };
const name = Type.String({ minLength: 1 });

const MigrationBody = Type.Object(
  {
    from: name,
    to: name,
    names: Type.Optional(Type.Array(name, { minItems: 1, maxItems: 10_000 })),
    keepSource: Type.Optional(Type.Boolean()),
    dryRun: Type.Optional(Type.Boolean()),
  },
  closed,
);

const WizardBody = Type.Object(
  {
    name,
    type: Type.Optional(
      oneOf(
        typesWithSetUp().map((type) => type.name),
        { default: typesWithSetUp()[0]?.name },
      ),
    ),
    config: Type.Record(Type.String(), Type.Unknown()),
    description: Type.Optional(Type.String({ maxLength: 500 })),
    isDefault: Type.Optional(Type.Boolean()),
    adminToken: Type.String({ minLength: 1, maxLength: 1000, pattern: "^[!-~]+$" }),
  },
  closed,
);

/** What is done with secret backends beyond reading and writing their rows. */
export function secretRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: "/api/v1/secrets/migrate",
      access: { action: "migrate-secrets" },
      summary: "Move secrets to another backend; with accept: application/x-ndjson, told as it happens",
      body: MigrationBody,
      handle: async (call) => migrated(server, call, await bodyOf<Migration>(server, call, MigrationBody)),
    },
    {
      method: "POST",
      path: "/api/v1/secretbackends/wizard",
      access: { action: "rotate-secretbackend" },
      summary: "Set up a secret backend with an admin token, which is not kept",
      status: 201,
      body: WizardBody,
      handle: async (call) => {
        const request = await bodyOf<WizardRequest>(server, call, WizardBody);
        const response = await setUpBackend(request, call, server);
        return Response.json(response, { status: 201, headers: { "cache-control": "no-store" } });
      },
    },
    {
      method: "POST",
      path: "/api/v1/secretbackends/:idOrName/rotate",
      access: { action: "rotate-secretbackend" },
      summary: "Replace the token that a secret backend logs in with",
      handle: async (call) => {
        const { snapshot } = server.catalogue;
        const wanted = call.params["idOrName"]!;
        const backend = snapshot.named("secretbackend", wanted) ?? snapshot.byId.get(wanted);
        if (backend?.kind !== "secretbackend")
          throw new AppError("not_found", `${kindOf("secretbackend").kind} "${wanted}" not found`);
        return Response.json({ name: backend.name, ...(await rotateToken(backend.id, call, server)) });
      },
    },
    {
      method: "POST",
      path: "/api/v1/master-key/rotate",
      access: { action: "rotate-secretbackend" },
      summary: "Make a new master key and wrap all sealed secrets with it, or finish that",
      handle: async () => Response.json(await server.masterKey.rotate()),
    },
  ];
}

async function bodyOf<T>(server: Server, call: Call, schema: Parameters<typeof validate>[0]): Promise<T> {
  const body = parseObject(await readText(call.request, server.deadlines));
  const faults = validate(schema, body);
  const [first] = faults;
  if (!first) return body as T;
  throw new AppError("invalid_request", `${first.path.slice(1).replaceAll("/", ".")}: ${first.message}`, {
    details: faults,
  });
}

/** Counts by result. */
type Summary = Record<Migrated["result"], number>;

async function migrated(server: Server, call: Call, migration: Migration): Promise<Response> {
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
    // Who leaves has interrupted it: the secret under way is finished, the others stay where they are.
    cancel: async () => void (await results.return(undefined)),
  });
  return new Response(body, {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}
