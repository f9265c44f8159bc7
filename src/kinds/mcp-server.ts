import { Type } from "@sinclair/typebox";
import { authorization } from "./authorization.ts";
import { defineKind, nullable, Owner, oneOf } from "./define.ts";
import {
  Environment,
  Headers,
  HealthCheck,
  HostPaths,
  type NamedValue,
  OAuth,
  Resources,
  Sandbox,
  ToolFilter,
  toolFlags,
} from "./mcp-settings.ts";

const access = authorization.readOnly.properties;

/** A program and its arguments. They are never given to a shell. */
const Argument = Type.String({ maxLength: 8192 });

export const mcpServer = defineKind({
  kind: "server",
  plural: "servers",
  short: ["srv"],
  display: "Server",
  idPrefix: "srv",
  summary: "An MCP server: a program that is started here, or a service elsewhere, with tools for models.",
  order: 45,
  quota: 200,
  visible: true,
  fields: Type.Object(
    {
      description: Type.String({ default: "", maxLength: 500, description: "Free-text description" }),
      transport: Type.Optional(
        oneOf(["stdio", "http", "sse"], {
          description:
            "stdio: through its standard input and output; http: streamable HTTP; sse: the older HTTP with events. " +
            "Left out, it follows from the source; for a url both kinds of HTTP are tried",
        }),
      ),
      command: Type.Optional(
        Type.Array(Argument, {
          minItems: 1,
          maxItems: 100,
          description: "A program of the server's host and its first arguments, as a list; no shell reads it",
        }),
      ),
      package: Type.Optional(
        Type.String({
          maxLength: 300,
          description:
            "A package with its version: npm:@scope/name@1.2.3, run by npx or bunx, or pypi:name==1.2.3, run by uvx",
        }),
      ),
      image: Type.Optional(
        Type.String({
          maxLength: 300,
          description: "An image of a container; with port it is asked over HTTP, otherwise over stdio",
        }),
      ),
      url: Type.Optional(
        Type.String({ maxLength: 2000, description: "The address of an MCP server that runs elsewhere" }),
      ),
      args: Type.Optional(
        Type.Array(Argument, {
          maxItems: 200,
          description: "Arguments, after those of command or those that start the package or the image",
        }),
      ),
      port: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 65_535, description: "The port in the container of image" }),
      ),
      path: Type.Optional(
        Type.String({
          pattern: "^/[A-Za-z0-9/_.~-]*$",
          "x-message": "must begin with / and have letters, digits, /, _, ., ~ and - only",
          maxLength: 200,
          description: "The path at that port (default /mcp)",
        }),
      ),
      env: Type.Optional(Environment),
      headers: Type.Optional(Headers),
      oauth: Type.Optional(OAuth),
      replicas: Type.Integer({
        default: 1,
        minimum: 0,
        maximum: 20,
        description: "Instances that share the calls; 0 stops the server",
      }),
      sharing: oneOf(["shared", "principal", "session"], {
        default: "shared",
        description:
          "shared: all callers use the same instances; principal: each caller has its own; session: each session has " +
          "its own. For servers that remember who did what, such as browsers",
      }),
      sandbox: Sandbox,
      hostPaths: Type.Optional(HostPaths),
      resources: Type.Optional(Resources),
      idleMinutes: Type.Integer({
        default: 15,
        minimum: 0,
        maximum: 43_200,
        description:
          "Minutes without a call after which an instance stops; the next call starts it. 0: never",
      }),
      startSeconds: Type.Integer({
        default: 60,
        minimum: 1,
        maximum: 1800,
        description: "Seconds that an instance has to start",
      }),
      callSeconds: Type.Integer({
        default: 60,
        minimum: 1,
        maximum: 86_400,
        description:
          "Seconds that a call may take; a server that reports progress has up to ten times as long",
      }),
      healthCheck: Type.Optional(HealthCheck),
      tools: Type.Optional(
        Type.Object(ToolFilter.properties, {
          additionalProperties: false,
          minProperties: 1,
          description:
            "The tools that are offered: {allow, deny}, each a list of names or patterns such as read_*",
        }),
      ),
      toolChanges: oneOf(["approve", "allow"], {
        default: "approve",
        description:
          "approve: a tool that the server changes by itself is not offered until mcpctl approve server NAME; allow: it is",
      }),
      visibility: oneOf(["public", "private"], {
        default: "public",
        description:
          "A private server is visible only to its owner, to administrators and to those granted it by name",
      }),
      template: Type.Optional(
        Type.String({ maxLength: 100, description: "The template that it was made from, as information" }),
      ),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    source: Type.String({
      description: "What is run or called: command, package, image or url; or workstation",
    }),
    origin: oneOf(["static", "virtual"], {
      description: "virtual: a workstation agent publishes it, and runs it there",
    }),
    status: oneOf(["ready", "starting", "stopped", "backoff", "unhealthy", "failed", "changed", "offline"], {
      description:
        "stopped: a call starts it; backoff: it ends again and again; changed: tools wait for mcpctl approve server NAME; " +
        "offline: its workstation is not connected",
    }),
    workstation: nullable(Type.String(), { description: "The machine that publishes it" }),
    lastSeenAt: nullable(Type.String(), { description: "The last message of its workstation agent" }),
    conditions: Type.Array(
      Type.Object({
        type: Type.String({ description: "One word, such as Unsandboxed, ToolsChanged or LauncherMissing" }),
        message: Type.String({ description: "What is wrong and what to do" }),
      }),
      { description: "What there is to know about it" },
    ),
    ready: Type.Integer({ description: "The number of instances that answer" }),
    authorization: nullable(
      Type.Object({
        status: access["status"]!,
        by: access["authorizedBy"]!,
        isShared: Type.Boolean({
          description: "True if it is for the calls of everybody, and not for yours alone",
        }),
        issuer: access["issuer"]!,
        scopes: access["scopes"]!,
        missingScopes: access["missingScopes"]!,
        authorizedAt: access["authorizedAt"]!,
        expiresAt: access["expiresAt"]!,
        renews: access["renews"]!,
        problem: access["problem"]!,
      }),
      {
        description:
          "The access that was given at its authorization server, for all callers or for you; null if it needs none",
      },
    ),
    isolation: nullable(Type.String(), {
      description: "The sandbox that its instances run in; null until one has started, and for a url",
    }),
    toolCount: Type.Integer({
      description: "The number of tools that it has; 0 until it was asked for them",
    }),
    protocol: Type.Union([Type.String(), Type.Null()], {
      description: "The revision of MCP that it speaks; null until it was asked",
    }),
    listedAt: Type.Union([Type.String(), Type.Null()], {
      description: "The time when it was last asked for its tools",
    }),
    owner: Owner,
  }),
  volatile: [
    "lastSeenAt",
    "status",
    "conditions",
    "ready",
    "authorization",
    "isolation",
    "toolCount",
    "protocol",
    "listedAt",
  ],
  references: ({ env = [], headers = [], oauth: { clientSecretRef } = {} }) => [
    ...secretsIn("env", env),
    ...secretsIn("headers", headers),
    ...(clientSecretRef === undefined
      ? []
      : [
          {
            path: "/oauth/clientSecretRef",
            kind: "secret",
            name: clientSecretRef.name,
            onDelete: "restrict" as const,
          },
        ]),
  ],
  columns: [
    { header: "NAME", path: "name" },
    { header: "TRANSPORT", path: "transport", rank: 60 },
    { header: "SOURCE", path: "source" },
    { header: "REPLICAS", path: "replicas", rank: 70 },
    { header: "READY", path: "ready", rank: 50 },
    { header: "TOOLS", path: "toolCount" },
    { header: "STATUS", path: "status" },
    { header: "AGE", path: "createdAt", format: "age" },
    { header: "ORIGIN", path: "origin", wide: true },
    { header: "SANDBOX", path: "sandbox", wide: true },
    { header: "OWNER", path: "owner", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    command: {
      field: "command",
      value: "WORD",
      description: "A program of the server's host and its first arguments",
    },
    arg: {
      field: "args",
      value: "ARG",
      description: "An argument; write --arg=--flag where it begins with a hyphen",
    },
    env: {
      field: "env",
      parse: "named",
      value: "NAME=VALUE",
      description:
        "An environment variable; secret://SECRET/KEY is the value of a secret, user://KEY a key that each user gives",
    },
    header: {
      field: "headers",
      parse: "named",
      value: "NAME=VALUE",
      description:
        "A header of requests to it; secret://SECRET/KEY is the value of a secret, user://KEY a key that each user gives",
    },
    read: {
      field: "hostPaths.read",
      value: "PATH",
      description: "A file or folder of the host that it can read",
    },
    write: {
      field: "hostPaths.write",
      value: "PATH",
      description: "A file or folder of the host that it can change",
    },
    "memory-mb": { field: "resources.memoryMb" },
    cpus: { field: "resources.cpus" },
    pids: { field: "resources.pids" },
    "health-tool": { field: "healthCheck.tool" },
    "oauth-grant": { field: "oauth.grant" },
    "oauth-client-id": { field: "oauth.clientId" },
    "oauth-client-secret": {
      field: "oauth.clientSecretRef",
      parse: "ref",
      value: "SECRET/KEY",
    },
    "oauth-issuer": { field: "oauth.issuer" },
    "oauth-scope": { field: "oauth.scopes", value: "SCOPE", description: "A scope to ask for" },
    ...toolFlags,
  },
  example: {
    name: "files",
    package: "npm:@modelcontextprotocol/server-filesystem@2026.8.31",
    args: ["/srv/notes"],
    env: [{ name: "API_KEY", valueFrom: { secretRef: { name: "anthropic", key: "api-key" } } }],
    tools: { deny: ["write_*"] },
  },
});

function secretsIn(field: string, values: readonly NamedValue[]) {
  return values.flatMap(({ valueFrom }, i) =>
    valueFrom?.secretRef === undefined
      ? []
      : [
          {
            path: `/${field}/${i}/valueFrom/secretRef`,
            kind: "secret",
            name: valueFrom.secretRef.name,
            onDelete: "restrict" as const,
          },
        ],
  );
}
