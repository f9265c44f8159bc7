/** A grant as a binding has it. */
export interface ShownGrant {
  role: string;
  resource?: string;
  name?: string;
  action?: string;
}

/** A user, group or token that has rights by a binding. */
export interface ShownSubject {
  kind: string;
  name: string;
}

/** Returns a grant as a part of a sentence: `run the llm claude`, `view all secrets`. */
export function grantSentence({ role, resource = "", name, action }: ShownGrant): string {
  if (role === "everything") return "do everything";
  if (action !== undefined) return `run ${action}`;
  const verb =
    role === "edit" ? "view, create, change and delete" : role === "expose" ? "view and expose" : role;
  if (resource === "*") return `${verb} everything`;
  return name === undefined ? `${verb} all ${resource}` : `${verb} ${resource.replace(/s$/, "")} ${name}`;
}

/** Returns a grant as `mcpctl grant` takes it: `run llms/claude`. */
export function grantWord({ role, resource = "", name, action }: ShownGrant): string {
  if (action !== undefined) return `${role} ${action}`;
  return `${role} ${resource}${name === undefined ? "" : `/${name}`}`;
}

/** Returns a subject as `mcpctl grant` takes it: `alice`, `group:friends`. */
export function subjectWord({ kind, name }: ShownSubject): string {
  return kind === "User" ? name : `${kind.toLowerCase()}:${name}`;
}

/** Returns a free name for a binding: `alice-run-llms-claude`. */
export function bindingName(subject: ShownSubject, grant: ShownGrant, taken: ReadonlySet<string>): string {
  const wanted = `${subject.name} ${grantWord(grant)}`
    .replaceAll("*", "all")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 95)
    .replace(/-+$/, "");
  for (let count = 2, name = wanted; ; count++) {
    if (!taken.has(name)) return name;
    name = `${wanted}-${count}`;
  }
}
