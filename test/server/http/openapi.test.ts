import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { kinds } from "../../../src/kinds/index.ts";
import { allRoutes } from "../../../src/server/http/app.ts";
import { openApi } from "../../../src/server/http/openapi.ts";
import { systemRoutes } from "../../../src/server/http/routes/system.ts";
import type { Server } from "../../../src/server/http/server.ts";
import { must, testServer } from "../../support/server.ts";

interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { description?: string; $ref?: string }>;
  security?: object[];
}

const routes = allRoutes({ metricsPublic: false } as Server);
const document = JSON.parse(JSON.stringify(openApi(routes))) as {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { responses: object; securitySchemes: object };
  security: object[];
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

it("the API description is valid OpenAPI 3.1", () => {
  expect(document.openapi).toBe("3.1.0");
  expect(document.info).toMatchObject({ title: "mcpctl", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(document.components.securitySchemes).toEqual({ bearer: { type: "http", scheme: "bearer" } });
  for (const { path, method, operation } of operations) {
    expect(["get", "post", "put", "delete"]).toContain(method);
    expect(operation.summary, path).toMatch(/^\S/);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = (operation.parameters ?? []).filter((one) => one.in === "path");
    expect(
      declared.map(({ name }) => name),
      path,
    ).toEqual(inPath);
    for (const parameter of operation.parameters ?? []) {
      expect(["path", "query"]).toContain(parameter.in);
      expect(parameter.schema).toEqual({ type: "string" });
    }
    expect(
      Object.keys(operation.responses).some((status) => /^20[0124]$/.test(status)),
      path,
    ).toBe(true);
    expect(operation.responses["default"]).toEqual({ $ref: "#/components/responses/Error" });
    if (method === "get" || method === "delete") expect(operation).not.toHaveProperty("requestBody");
  }
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9]*$/);
});

it("the API description has every route and no other, and the routes that need no bearer", () => {
  const named = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort();
  expect(named).toEqual(
    routes
      .filter((route) => !route.isUndocumented && route.allow === undefined)
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`)
      .sort(),
  );
  const open = operations.filter(({ operation }) => operation.security?.length === 0).map(({ path }) => path);
  expect(open.sort()).toEqual([
    "/",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/projects/{name}/mcp",
    "/api/v1/auth/login",
    "/api/v1/auth/page",
    "/api/v1/auth/page",
    "/healthz",
    "/mcp/oauth/callback",
    "/mcp/oauth/client.json",
    "/oauth/authorize",
    "/oauth/register",
    "/oauth/revoke",
    "/oauth/token",
    "/readyz",
    "/v1",
  ]);
  expect(document.security).toEqual([{ bearer: [] }]);
});

it("the API description has write-only fields in requests and not in responses", () => {
  for (const kind of kinds) {
    const list = document.paths[`/api/v1/${kind.plural}`]!;
    for (const field of kind.writeOnly) {
      expect(JSON.stringify(list["post"]!.requestBody)).toContain(`"${field}"`);
      expect(JSON.stringify([list["get"]!.responses, list["post"]!.responses])).not.toContain(`"${field}":`);
    }
  }
});

it("the API description is the one in test/golden, and the server serves it", async () => {
  const server = await testServer();
  const { body } = await must(server.admin("GET", "/openapi.json"));
  expect(body).toEqual(document);
  const file = new URL("../../golden/openapi.json", import.meta.url).pathname;
  const text = `${JSON.stringify({ ...document, info: { ...document.info, version: "0.0.0" } }, null, 2)}\n`;
  if (process.env["UPDATE_GOLDEN"]) writeFileSync(file, text);
  expect(text).toBe(readFileSync(file, "utf8"));
});

it("the server serves the descriptors of its kinds, for older clients", async () => {
  const server = await testServer();
  const { body } = await must(server.admin("GET", "/api/v1/kinds"));
  expect(body.map(({ kind }: { kind: string }) => kind)).toEqual(kinds.map(({ kind }) => kind));
  for (const [i, kind] of kinds.entries()) {
    const { references: _, ...data } = kind;
    expect(body[i]).toEqual(JSON.parse(JSON.stringify(data)));
    expect(body[i].columns[0].header).toBe("NAME");
  }
});

it("the description is made once, for whoever asks for it hundreds of times (T331)", async () => {
  let times = 0;
  const routes = systemRoutes({} as Server, () => {
    times++;
    return [];
  });
  const { handle } = routes.find(({ path }) => path === "/openapi.json")!;
  const [first, second] = [await handle({} as never), await handle({} as never)];
  expect(await (first as Response).json()).toEqual(await (second as Response).json());
  expect(times).toBe(1);
});
