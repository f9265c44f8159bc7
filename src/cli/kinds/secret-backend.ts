import { completeConfig } from "../../kinds/secret-backends/config.ts";
import { describeSecretBackend } from "./describe-secret-backend.ts";
import type { KindExtension } from "./extension.ts";
import { createWithWizard, wizardArgs } from "./secret-backend-wizard.ts";

export const secretBackend: KindExtension = {
  createArgs: wizardArgs,
  createSpecially: async (name, args, context) =>
    args["wizard"] ? createWithWizard(name, args, context) : undefined,
  warnings({ health }) {
    const { status = "healthy", reason } = (health ?? {}) as { status?: string; reason?: string | null };
    return status === "healthy" ? [] : [reason ?? status];
  },
  describe: (backend, context) => describeSecretBackend(backend, context.now()),
  asStored(live, fields) {
    const { config } = fields;
    if (typeof config !== "object" || config === null) return fields;
    return { ...fields, config: completeConfig(String(live["type"]), { ...config }).config };
  },
};
