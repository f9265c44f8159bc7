import { kinds } from "../../../kinds/index.ts";
import { version } from "../../../version.ts";
import { longResponse, pieceCharacters } from "../long-response.ts";
import { openApi } from "../openapi.ts";
import type { Route } from "../route.ts";
import type { Server } from "../server.ts";
import { welcome } from "../web/welcome.ts";

/** Health, metrics, version and descriptions. */
export function systemRoutes(server: Server, routes: () => readonly Route[]): Route[] {
  /** The description of the API, which never changes. To make it takes milliseconds. */
  let description: string | undefined;
  const plain = (text: string, status = 200) =>
    new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
  const metrics = async () =>
    longResponse(server.metrics.pieces(pieceCharacters, await server.metricsOfWorkers()), {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
    });
  return [
    {
      method: "GET",
      path: "/v1",
      access: "public",
      summary: "Return the base URLs that clients need",
      handle: ({ request }) => welcome(request),
    },
    {
      method: "GET",
      path: "/healthz",
      access: "public",
      summary: "Return 200 while the process serves requests",
      handle: () => plain("ok\n"),
    },
    {
      method: "GET",
      path: "/readyz",
      access: "public",
      summary: "Return 200 if the server should get requests, otherwise 503 with the reasons",
      handle: () => {
        const reasons = server.unready();
        if (reasons.length > 0) return plain(`${reasons.join("\n")}\n`, 503);
        // Everybody may ask: the reason is for those who may see the status.
        const failedAt = server.schedule?.state.failedAt ?? null;
        const certificate = server.certificate?.state;
        const notes = [
          ...(failedAt === null ? [] : [`the last backup failed at ${failedAt}`]),
          ...(certificate?.isEnding ? [`the certificate ends at ${certificate.expiresAt}`] : []),
        ];
        return plain(`${["ok", ...notes].join("\n")}\n`);
      },
    },
    server.metricsPublic
      ? {
          method: "GET",
          path: "/metrics",
          access: "public",
          summary: "Return metrics for Prometheus",
          handle: metrics,
        }
      : {
          method: "GET",
          path: "/metrics",
          access: { verb: "view", resource: "metrics" },
          summary: "Return metrics for Prometheus",
          handle: metrics,
        },
    {
      method: "GET",
      path: "/openapi.json",
      access: "authenticated",
      summary: "Return this description",
      handle: () => {
        description ??= JSON.stringify(openApi(routes()));
        return new Response(description, { headers: { "content-type": "application/json;charset=utf-8" } });
      },
    },
    {
      method: "GET",
      path: "/api/v1/kinds",
      access: "authenticated",
      summary: "Return the descriptors of all kinds",
      handle: () => Response.json(kinds),
    },
    {
      method: "GET",
      path: "/api/v1/version",
      access: "authenticated",
      summary: "Return the version of the server, and its addresses",
      handle: () => Response.json({ ...version, urls: server.urls() }),
    },
    {
      method: "GET",
      path: "/api/v1/status",
      access: { verb: "view", resource: "metrics" },
      summary:
        "Return what the server uses: the database, its disk, connections, its certificate, and the backups that it makes by itself",
      handle: async () => Response.json(await use(server)),
    },
  ];
}

/** Returns what a server uses. What it cannot find out is left out. */
async function use(server: Server) {
  const { store } = server.catalogue;
  const state = await store.cluster?.clusterState().catch(() => undefined);
  const { bytes, logBytes, freeBytes } = server.diskUse;
  return {
    database: { kind: store.dialect, bytes, logBytes, freeBytes },
    connections: server.connections(),
    ...(state && { replicas: state.nodes.map(({ name }) => name).sort() }),
    ...(server.schedule && { backups: server.schedule.state }),
    ...(server.certificate && { certificate: server.certificate.state }),
  };
}
