import type { ShownEvent } from "../overview/figures.ts";

/** Returns the subject of an event: the model, a tool, or an object. */
export function targetOf({ llm, poolMember, detail }: ShownEvent): string {
  if (llm !== undefined) return poolMember === undefined ? llm : `${llm} → ${poolMember}`;
  const { kind, name, project, server, tool } = detail ?? {};
  if (tool !== undefined) return `${server ?? project}/${tool}`;
  if (name === undefined) return "";
  return kind === undefined ? String(name) : `${kind} ${name}`;
}
