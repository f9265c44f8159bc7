import { AppError } from "../../errors.ts";
import type { BackendModule } from "../types.ts";
import { sealedDriver } from "./driver.ts";

export const sealedModule = {
  make: ({ name, table, masterKeys }) => sealedDriver(name, table, masterKeys),
  checkConfig(_config, { hasMasterKey }) {
    if (hasMasterKey) return [];
    throw new AppError("conflict", "this server has no master key to seal secrets with", {
      hint: "make one with: umask 077; openssl rand -base64 32 > master-key; then start the server with --master-key-file",
    });
  },
} satisfies BackendModule;
