import { type Static, Type } from "@sinclair/typebox";
import { type Flag, oneOf, SecretKeyRef } from "./define.ts";
import { keyText } from "./names.ts";

/*
 * The settings of an MCP server that are objects or lists. Their names and values are checked further where a server is
 * written.
 */

/** A value that is given as it is, that is the value of a secret, or that each user gives. */
const ValueOrSecret = {
  value: Type.Optional(Type.String({ maxLength: 32_768, description: "The value" })),
  valueFrom: Type.Optional(
    Type.Object(
      {
        secretRef: Type.Optional(
          Type.Object(SecretKeyRef.properties, {
            additionalProperties: false,
            description: "The secret and the key in it that hold the value",
          }),
        ),
        userKey: Type.Optional(
          Type.String({
            ...keyText,
            description: "The name of a key that each user gives with mcpctl authorize server NAME",
          }),
        ),
      },
      { additionalProperties: false, description: "The place of the value: {secretRef} or {userKey}" },
    ),
  ),
};

/** Variables of the environment of a server's processes. */
export const Environment = Type.Array(
  Type.Object(
    {
      name: Type.String({
        pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
        "x-message": "must be the name of a variable: letters, digits and _, with no digit at the beginning",
        maxLength: 200,
        description: "The name of the variable",
      }),
      ...ValueOrSecret,
    },
    { additionalProperties: false },
  ),
  {
    maxItems: 200,
    description:
      "Environment variables of its processes, as {name, value}, {name, valueFrom: {secretRef: {name, key}}} or " +
      "{name, valueFrom: {userKey}} for a key that each user gives. " +
      "They get no other variables of mcpctl server than a few that every program needs",
  },
);

/** Headers of the requests to a server over HTTP. */
export const Headers = Type.Array(
  Type.Object(
    {
      name: Type.String({
        pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        "x-message": "must be the name of a header: letters, digits and hyphens, without spaces and colons",
        maxLength: 200,
        description: "The name of the header",
      }),
      ...ValueOrSecret,
    },
    { additionalProperties: false },
  ),
  {
    maxItems: 50,
    description:
      "Headers of the requests to it, as {name, value}, {name, valueFrom: {secretRef: {name, key}}} or " +
      "{name, valueFrom: {userKey}} for a key that each user gives",
  },
);

/** The login at the authorization server of a server elsewhere. */
export const OAuth = Type.Object(
  {
    grant: Type.Optional(
      oneOf(["authorization_code", "client_credentials"], {
        description:
          "authorization_code (default): a person gives access, with mcpctl authorize server NAME; client_credentials: " +
          "the client itself has access, and nobody is asked",
      }),
    ),
    clientId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2000,
        pattern: "^[\\x20-\\x7e]+$",
        "x-message": "must be printable ASCII",
        description: "The id of the client, where mcpctl was registered there by hand",
      }),
    ),
    clientSecretRef: Type.Optional(
      Type.Object(SecretKeyRef.properties, {
        additionalProperties: false,
        description: "The secret and the key in it that hold the client's secret",
      }),
    ),
    issuer: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+$",
        "x-message": "must be a URL without a query",
        maxLength: 2000,
        description: "The only authorization server that may be used; left out, the first one that was used",
      }),
    ),
    scopes: Type.Optional(
      Type.Array(
        Type.String({
          pattern: "^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$",
          "x-message": 'must be printable ASCII without spaces, " and \\',
          maxLength: 500,
        }),
        {
          maxItems: 100,
          uniqueItems: true,
          description: "The scopes to ask for; left out, those that the server names",
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description:
      "The login at the authorization server of a url: {grant, clientId, clientSecretRef, issuer, scopes}. Most servers " +
      "need none of it",
  },
);

/** A value of `env` or `headers`. */
export type NamedValue = Static<typeof Headers>[number];

/** The size that processes of a server can have, all together. */
export const Resources = Type.Object(
  {
    memoryMb: Type.Optional(
      Type.Integer({ minimum: 16, maximum: 1_048_576, description: "Memory, in megabytes" }),
    ),
    cpus: Type.Optional(
      Type.Number({ minimum: 0.05, maximum: 1024, description: "Processors, for example 0.5" }),
    ),
    pids: Type.Optional(Type.Integer({ minimum: 4, maximum: 100_000, description: "Processes and threads" })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: "The most that one instance may use: {memoryMb, cpus, pids}",
  },
);

const HostPath = Type.String({
  "x-message": "must be an absolute path without . and ..",
  pattern: "^/(?!(.*/)?\\.\\.?(/|$)).+$",
  maxLength: 4096,
  description: "An absolute path",
});

/** Files and folders of the host that processes in a sandbox can see. */
export const HostPaths = Type.Object(
  {
    read: Type.Optional(
      Type.Array(HostPath, {
        maxItems: 50,
        uniqueItems: true,
        description: "Files and folders that it can read",
      }),
    ),
    write: Type.Optional(
      Type.Array(HostPath, {
        maxItems: 50,
        uniqueItems: true,
        description: "Files and folders that it can read and change",
      }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description:
      "Files and folders of the host that its processes can see in their sandbox, at the same paths: {read, write}. " +
      "Without it they see those of the system and a folder of their own",
  },
);

/** A check that an instance still answers. */
export const HealthCheck = Type.Object(
  {
    tool: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: "The tool to call (default: list the tools)",
      }),
    ),
    arguments: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: "The arguments of that tool" }),
    ),
    intervalSeconds: Type.Optional(
      Type.Integer({ minimum: 5, maximum: 86_400, description: "Seconds between two checks (default 60)" }),
    ),
    timeoutSeconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 600, description: "Seconds to wait for an answer (default 10)" }),
    ),
    failureThreshold: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: "Failures in a row after which an instance is replaced (default 3)",
      }),
    ),
  },
  { additionalProperties: false, description: "A check that an instance still answers, by calling a tool" },
);

const ToolPattern = Type.String({ minLength: 1, maxLength: 128 });

/** The tools that are offered, out of all that a server has. */
export const ToolFilter = Type.Object(
  {
    allow: Type.Optional(
      Type.Array(ToolPattern, {
        maxItems: 1000,
        uniqueItems: true,
        description: "Only these tools are offered; * stands for any text, as in read_*",
      }),
    ),
    deny: Type.Optional(
      Type.Array(ToolPattern, {
        maxItems: 1000,
        uniqueItems: true,
        description: "These tools are not offered, also if allow names them",
      }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type ToolFilter = Static<typeof ToolFilter>;

/** Flags that set `tools.allow` and `tools.deny`. */
export const toolFlags: Readonly<Record<string, Flag>> = {
  allow: {
    field: "tools.allow",
    value: "TOOL",
    description: "Offer only this tool; * stands for any text",
  },
  deny: {
    field: "tools.deny",
    value: "TOOL",
    description: "Do not offer this tool; * stands for any text",
  },
};

/** The levels of isolation of processes, the strongest first. */
export const sandboxNames = ["container", "bwrap", "landlock", "systemd", "none"] as const;
export type SandboxName = (typeof sandboxNames)[number];

/** The words for a sandbox in a definition. */
export const sandboxWords = ["auto", ...sandboxNames] as const;
export type SandboxWord = (typeof sandboxWords)[number];

export const Sandbox = oneOf(sandboxWords, {
  default: "auto",
  description:
    "The isolation of its processes. auto: the strongest that the host has; any other word: that one, and the server " +
    "does not start on a host without it; none: no isolation",
});
