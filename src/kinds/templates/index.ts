import { basics } from "./basics.ts";
import type { BuiltInTemplate } from "./define.ts";
import { services } from "./services.ts";

/** The templates that come with mcpctl, each with a version of its package that exists. */
export const builtInTemplates: readonly BuiltInTemplate[] = [...basics, ...services];
