import { Type } from "@sinclair/typebox";
import { AppError } from "../../../errors.ts";
import { maxQuery } from "../../mcp/clients/authorization-request.ts";
import { OAuthError } from "../../mcp/clients/oauth-error.ts";
import { readBody } from "../body.ts";
import { baseOf, basesOf } from "../public-url.ts";
import type { Call, Route } from "../route.ts";
import type { Server } from "../server.ts";

const query = Type.String({
  maxLength: maxQuery,
  description: "The query with which the client sent the browser",
});
const Shown = Type.Object({ query }, { additionalProperties: false });
const Answered = Type.Object(
  { query, allow: Type.Boolean({ description: "true to give the client access" }) },
  { additionalProperties: false },
);

const noStore = { "cache-control": "no-store" };

/** The questions of the consent page to the server. A page of another origin has no session here, and so cannot (T268). */
export function mcpConsentRoutes(server: Server): Route[] {
  const asked = ({ request }: Call, { query: text }: { query: string }) => ({
    query: text.replace(/^\?/, ""),
    issuer: baseOf(server, request),
    bases: basesOf(server, request),
  });
  return [
    {
      method: "POST",
      path: "/api/v1/oauth/request",
      access: "authenticated",
      summary: "Read what an MCP client asks of the caller",
      body: Shown,
      response: Type.Object({
        client: Type.Object({
          id: Type.String(),
          name: Type.String(),
          host: Type.Union([Type.String(), Type.Null()]),
          isRead: Type.Boolean(),
        }),
        project: Type.Optional(Type.String()),
        redirect: Type.Object({ kind: Type.String(), place: Type.String() }),
        refusal: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
      }),
      handle: async (call) => {
        const body = await readBody(call, server.deadlines, Shown);
        const shown = await refusing(() => server.clients.consent.show(call, asked(call, body)));
        return Response.json(shown, { headers: noStore });
      },
    },
    {
      method: "POST",
      path: "/api/v1/oauth/answer",
      access: "authenticated",
      summary: "Give an MCP client access, or deny it, and return the URL that the browser goes to",
      body: Answered,
      response: Type.Object({ redirectTo: Type.String() }),
      handle: async (call) => {
        const body = await readBody(call, server.deadlines, Answered);
        const redirectTo = await refusing(() =>
          server.clients.consent.answer(call, asked(call, body), body.allow),
        );
        return Response.json({ redirectTo }, { headers: noStore });
      },
    },
  ];
}

/** Shows a refusal to the user instead of sending it to an address that nobody has checked (T277). */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    throw new AppError("invalid_request", error.message, {
      hint: "nothing was sent to the client; begin again in that program",
    });
  }
}
