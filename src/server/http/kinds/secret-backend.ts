import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { oneOf, type Resource } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { typesWithSetUp } from "../../../kinds/secret-backends/config.ts";
import type { Row } from "../../core/store/types.ts";
import { rotateToken } from "../../secrets/rotate-token.ts";
import { setUpBackend } from "../../secrets/wizard.ts";
import { readBody } from "../body.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";
import type { KindRoutes } from "./define.ts";

/** Milliseconds for which the health of a backend is not checked again. */
const recent = 5000;

const WizardBody = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
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
  { additionalProperties: false },
);

/** Adds the health of secret backends, their set-up and the rotation of their tokens. */
export const secretBackendRoutes: KindRoutes = {
  created: addHealth,
  updated: addHealth,
  async read(server, call, row) {
    return { health: await healthOf(server, call, row) };
  },
  routes: (server): Route[] => [
    {
      method: "POST",
      path: "/api/v1/secretbackends/wizard",
      access: { action: "rotate-secretbackend" },
      summary: "Set up a secret backend with an admin token, which is not kept",
      status: 201,
      body: WizardBody,
      handle: async (call) => {
        const request = await readBody(call, server.deadlines, WizardBody);
        const response = await setUpBackend(request, call, server);
        return Response.json(response, { status: 201, headers: { "cache-control": "no-store" } });
      },
    },
    {
      method: "POST",
      path: "/api/v1/secretbackends/:idOrName/rotate",
      access: { action: "rotate-secretbackend" },
      summary: "Replace the token that a secret backend logs in with",
      handle: (call) => rotate(server, call),
    },
  ],
};

async function rotate(server: Server, call: Call): Promise<Response> {
  const { snapshot } = server.catalogue;
  const idOrName = call.params["idOrName"]!;
  const backend = snapshot.named("secretbackend", idOrName) ?? snapshot.byId.get(idOrName);
  if (backend?.kind !== "secretbackend")
    throw new AppError("not_found", `secretbackend "${idOrName}" not found`);
  return Response.json({ name: backend.name, ...(await rotateToken(backend.id, call, server)) });
}

/** Tells whether a backend can be reached and accepts the login. A failure is reported and refuses nothing. */
async function addHealth(server: Server, call: Call, object: Resource): Promise<void> {
  const row = server.catalogue.snapshot.byId.get(object.id);
  if (row) object["health"] = await healthOf(server, call, row);
}

/** Returns the health of a backend. A check that is not recent is made again. */
async function healthOf(server: Server, { principal }: Call, row: Row): Promise<unknown> {
  const checked = server.catalogue.snapshot.volatile.health.get(row.id)?.checkedAt;
  const age = checked ? server.now() - Date.parse(checked) : recent;
  // A negative age: the clock was set back since.
  if (age < 0 || age >= recent) await server.backends.check(row);
  return server.resources.present(principal, kindOf("secretbackend"), row)["health"];
}
