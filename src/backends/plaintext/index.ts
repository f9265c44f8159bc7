import type { BackendModule } from "../types.ts";
import { plaintextDriver } from "./driver.ts";

export const plaintextModule = {
  make: ({ name, table }) => plaintextDriver(name, table),
} satisfies BackendModule;
