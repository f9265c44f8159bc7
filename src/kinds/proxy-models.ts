import type { Static } from "@sinclair/typebox";
import { proxyModel } from "./proxy-model.ts";
import { validateFields } from "./validate.ts";

const definitions: readonly ({ name: string } & Record<string, unknown>)[] = [
  {
    name: "default",
    description: "The gate, and long results in pages",
    gate: "session",
    stages: [{ type: "paginate" }],
  },
  {
    name: "content-pipeline",
    description: "Long results in pages, without the gate",
    gate: "off",
    stages: [{ type: "paginate" }],
  },
  { name: "gate", description: "The gate alone: results as they are", gate: "session", stages: [] },
  {
    name: "subindex",
    description: "Long results in sections, with a summary of each, without the gate",
    gate: "off",
    stages: [{ type: "section-split" }, { type: "summarize-tree" }],
  },
  { name: "none", description: "Everything as the MCP servers send it", gate: "off", stages: [] },
];

/** The proxy models that come with mcpctl. */
export const builtInProxyModels: readonly ({ name: string } & Static<typeof proxyModel.fields>)[] =
  definitions.map(({ name, ...given }) => {
    const { fields, faults } = validateFields(proxyModel, given);
    if (faults.length > 0) throw new Error(`proxy model ${name}: ${JSON.stringify(faults)}`);
    return { name, ...(fields as Static<typeof proxyModel.fields>) };
  });
