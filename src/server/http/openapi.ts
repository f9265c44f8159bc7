import { version } from "../../version.ts";
import type { Route } from "./route.ts";

const error = {
  type: "object",
  required: ["error", "code", "requestId"],
  properties: {
    error: { type: "string" },
    code: { type: "string" },
    hint: { type: "string" },
    requestId: { type: "string" },
    details: {
      type: "array",
      items: { type: "object", properties: { path: { type: "string" }, message: { type: "string" } } },
    },
  },
};

/** Returns the OpenAPI description of some routes. */
export function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    if (route.allow !== undefined || route.isUndocumented) continue;
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "mcpctl",
      version: version.version,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      responses: { Error: { description: "What went wrong", content: json(error) } },
    },
    security: [{ bearer: [] }],
  };
}

function operation(route: Route): object {
  const named = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const queried = Object.entries(route.query ?? {}).map(([name, description]) => ({
    name,
    in: "query",
    description,
    schema: { type: "string" },
  }));
  return {
    operationId: `${route.method.toLowerCase()}${nameOf(route.path)}`,
    summary: route.summary,
    tags: [route.path.split("/")[3] ?? "system"],
    ...(named.length + queried.length > 0 && { parameters: [...named, ...queried] }),
    ...(route.body && { requestBody: { required: true, content: json(route.body) } }),
    responses: {
      [route.status ?? 200]: {
        description: "Done",
        ...(route.response && { content: json(route.response) }),
      },
      default: { $ref: "#/components/responses/Error" },
    },
    ...(route.access === "public" ? { security: [] } : { "x-mcpctl-access": route.access }),
  };
}

/** Returns a path as one word: `ApiV1Llms`. */
function nameOf(path: string): string {
  return path === "/" ? "Root" : path.replace(/[^a-z0-9]+(.)/gi, (_, first: string) => first.toUpperCase());
}

function json(schema: object): object {
  return { "application/json": { schema } };
}
