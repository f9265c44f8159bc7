import { Type } from "@sinclair/typebox";
import { defineKind, Owner, oneOf } from "./define.ts";
import { StageSettings } from "./stages/index.ts";

export const proxyModel = defineKind({
  kind: "proxymodel",
  plural: "proxymodels",
  short: ["pm"],
  display: "ProxyModel",
  idPrefix: "pmo",
  summary:
    "The way in which a project passes tools and their results on to MCP clients: its gate and stages.",
  order: 65,
  openBuiltIns: true,
  fields: Type.Object(
    {
      description: Type.String({ default: "", maxLength: 500, description: "Free-text description" }),
      gate: oneOf(["off", "session", "briefing"], {
        default: "off",
        description:
          "session: an MCP client of the older revisions sees begin_session alone until it has called it; " +
          "briefing: all tools are listed, and the result of the first call has the prompts that matter before it; " +
          "off: no briefing",
      }),
      stages: Type.Array(StageSettings, {
        default: [],
        maxItems: 20,
        description: "The stages that texts of results go through, in this order: {type, …}",
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
    { header: "GATE", path: "gate" },
    { header: "STAGES", path: "stages", each: "{type}" },
    { header: "DESCRIPTION", path: "description" },
    { header: "BUILT-IN", path: "builtIn", wide: true },
    { header: "OWNER", path: "owner", wide: true },
    { header: "ID", path: "id", wide: true },
  ],
  flags: {
    description: { field: "description", alias: "d" },
    stages: { field: "stages", value: "JSON" },
  },
  example: {
    name: "short-pages",
    description: "The gate, and results in pages of 4 KB",
    gate: "session",
    stages: [{ type: "paginate", pageBytes: 4096 }],
  },
});
