/** A grant as a binding has it. */
export interface ShownGrant {
  role: string;
  resource?: string;
  name?: string;
  action?: string;
}

/** Returns a grant as a part of a sentence: `run the llm claude`, `view all secrets`. */
export function grantSentence({ role, resource = "", name, action }: ShownGrant): string {
  if (action !== undefined) return `run ${action}`;
  const verb =
    role === "edit" ? "view, create, change and delete" : role === "expose" ? "view and expose" : role;
  if (resource === "*") return `${verb} everything`;
  return name === undefined ? `${verb} all ${resource}` : `${verb} ${resource.replace(/s$/, "")} ${name}`;
}
