import type { TemplateSpec } from "../template-values.ts";

/** A template that comes with mcpctl. */
export interface BuiltInTemplate extends TemplateSpec {
  name: string;
}

/** A parameter that has to be given. */
export function required(name: string, description: string) {
  return { name, description, required: true };
}

/** A parameter with a default. */
export function optional(name: string, description: string, fallback: string) {
  return { name, description, default: fallback };
}

/** A credential that has to be given. */
export function credential(name: string, description: string) {
  return { name, description, required: true, secret: true };
}

/** A variable of the environment whose value is that of a parameter. */
export function variable(name: string, parameter: string) {
  return { name, value: `\${${parameter}}` };
}
