import { Type } from "@sinclair/typebox";
import { oneOf } from "../../../kinds/define.ts";
import { llm } from "../../../kinds/llm.ts";
import { controlBytes, leaseMs, linkPaths, registerBytes } from "../../../wire/link/constants.ts";
import type { AgentState } from "../../../wire/link/registration.ts";
import { publishedTypes } from "../../workstations/registration.ts";
import { readBody, readObject } from "../body.ts";
import type { Route } from "../route.ts";
import type { Server } from "../server.ts";

const { model, tier, description, poolName, visibility } = llm.fields.properties;
const text = Type.Optional(Type.String());
const object = Type.Optional(Type.Record(Type.String(), Type.Unknown()));

/** The body of a register call, for the API description. `parseRegistration` checks it. */
const Register = Type.Object({
  providerSessionId: text,
  protocol: Type.Optional(Type.Integer()),
  bootId: text,
  machineId: text,
  providers: Type.Array(
    Type.Object({
      name: Type.String(),
      type: oneOf(publishedTypes),
      model,
      tier: Type.Optional(tier),
      description: Type.Optional(description),
      poolName,
      visibility: Type.Optional(visibility),
      initialStatus: Type.Optional(oneOf(["active", "hibernating"])),
      capabilities: object,
    }),
  ),
  agents: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        llmName: Type.String(),
        description: text,
        systemPrompt: text,
        project: text,
        defaultParams: object,
        extras: object,
        visibility: Type.Optional(visibility),
      }),
    ),
  ),
  mcpServers: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String(),
        description: text,
        visibility: Type.Optional(visibility),
        status: oneOf(["ready", "starting", "failed"]),
        source: text,
        listing: object,
      }),
    ),
  ),
});

// Unknown fields are ignored: the agent may be newer than this server.
const Heartbeat = Type.Object({
  providerSessionId: Type.String(),
  epoch: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
  state: Type.Optional(Type.Unknown()),
});

/** A token without expose cannot act for the agents of its maker. */
const access = { verb: "expose", resource: "llms" } as const;

/** The routes by which agents register and send heartbeats. */
export function providerSessionRoutes(server: Server): Route[] {
  return [
    {
      method: "POST",
      path: linkPaths.register,
      access,
      summary:
        "Publish the llms, personas and MCP servers of an agent; those that it no longer names are deleted",
      status: 201,
      body: Register,
      maxBodyBytes: registerBytes,
      handle: async (call) => {
        const body = await readObject(call, server.deadlines);
        return Response.json(await server.sessions.register(call, body, call.request.signal), {
          status: 201,
        });
      },
    },
    {
      method: "POST",
      path: linkPaths.heartbeat,
      access,
      summary: "Renew the lease of an agent, and report its state",
      body: Heartbeat,
      maxBodyBytes: controlBytes,
      handle: async (call) => {
        const { providerSessionId, epoch, state } = await readBody(call, server.deadlines, Heartbeat);
        const session = server.sessions.check(call.principal, providerSessionId, epoch ?? undefined);
        // The response does not wait for the database.
        if (typeof state === "object" && state !== null)
          void server.sessions.report(providerSessionId, state as AgentState);
        return Response.json({ epoch: session.epoch, leaseMs });
      },
    },
  ];
}
