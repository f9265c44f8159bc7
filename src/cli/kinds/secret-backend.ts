import { AppError } from "../../errors.ts";
import { completeConfig } from "../../kinds/secret-backends/config.ts";
import { describeSecretBackend } from "./describe-secret-backend.ts";
import type { KindExtension } from "./extension.ts";
import { createWithWizard, wizardArgs } from "./secret-backend-wizard.ts";

export const secretBackend: KindExtension = {
  createArgs: wizardArgs,
  async createSpecially(name, args, context) {
    if (!args["wizard"]) return undefined;
    if (args["dry-run"])
      throw new AppError("usage", "--dry-run does not go with --wizard, which sets the backend itself up");
    return createWithWizard(name, args, context);
  },
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
