import { type Static, Type } from "@sinclair/typebox";
import { defineKind, Owner } from "./define.ts";

const Parameter = Type.Object(
  {
    name: Type.String({
      pattern: "^[A-Z][A-Z0-9_]{0,62}$",
      "x-message": "must have capital letters, digits and _ only, at most 63, and begin with a letter",
      description: "The name, in capitals: TOKEN stands for ${TOKEN}",
    }),
    description: Type.Optional(Type.String({ maxLength: 500, description: "What it is for" })),
    required: Type.Optional(Type.Boolean({ description: "True if it has to be given (default false)" })),
    default: Type.Optional(Type.String({ maxLength: 2000, description: "The value where none is given" })),
    secret: Type.Optional(
      Type.Boolean({
        description: "True for a credential: its value is the value of a secret, and stands in no server",
      }),
    ),
  },
  { additionalProperties: false },
);
export type TemplateParameter = Static<typeof Parameter>;

export const template = defineKind({
  kind: "template",
  plural: "templates",
  short: ["tpl"],
  display: "Template",
  idPrefix: "tpl",
  summary: "The fields of an MCP server with parameters, from which servers are made.",
  order: 43,
  openBuiltIns: true,
  fields: Type.Object(
    {
      description: Type.String({ default: "", maxLength: 500, description: "Free-text description" }),
      parameters: Type.Array(Parameter, {
        default: [],
        maxItems: 50,
        description: "The parameters: {name, description, required, default, secret}",
      }),
      server: Type.Record(Type.String(), Type.Unknown(), {
        description: "The fields of the server, with ${NAME} in texts where a parameter goes",
      }),
    },
    { additionalProperties: false },
  ),
  readOnly: Type.Object({
    builtIn: Type.Boolean({ description: "True for one that comes with mcpctl, which cannot be changed" }),
    owner: Owner,
  }),
  columns: [
    { header: "NAME", path: "name" },
    { header: "PARAMETERS", path: "parameters", each: "{name}" },
    { header: "DESCRIPTION", path: "description" },
    { header: "BUILT-IN", path: "builtIn", wide: true },
    { header: "OWNER", path: "owner", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    parameters: { field: "parameters", value: "JSON" },
    "server-field": {
      field: "server",
      alias: "field",
      parse: "pairs",
      value: "k=v",
      description: "A field of the server and its value, for example package=npm:name@1.2.3",
    },
  },
  example: {
    name: "notes",
    description: "Read the notes in a folder",
    parameters: [{ name: "FOLDER", description: "The folder", required: true }],
    server: {
      package: "npm:@modelcontextprotocol/server-filesystem@2026.8.31",
      args: ["${FOLDER}"],
    },
  },
});
