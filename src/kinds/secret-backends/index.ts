import { openbao } from "./openbao.ts";
import { plaintext } from "./plaintext.ts";
import { sealed } from "./sealed.ts";

/** Every type of secret backend. Each has a driver in `src/backends/index.ts`. */
export const backendTypes = [plaintext, sealed, openbao] as const;
