import { openbaoModule } from "./openbao/index.ts";
import { plaintextModule } from "./plaintext/index.ts";
import { sealedModule } from "./sealed/index.ts";
import type { BackendModules } from "./types.ts";

/** The code of every type of secret backend. A type of `src/kinds/secret-backends/index.ts` without code does not compile. */
export const backendModules = {
  plaintext: plaintextModule,
  sealed: sealedModule,
  openbao: openbaoModule,
} satisfies BackendModules;
