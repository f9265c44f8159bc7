import { signal } from "@preact/signals";
import { request } from "./client.ts";

/** Something that a user may do to the objects of a kind. */
export type PageVerb = "view" | "create" | "update" | "delete" | "run";

interface HeldGrant {
  role: string;
  resource?: string;
  name?: string;
  action?: string;
}

/** The grants of this user; undefined before they are known. */
const held = signal<readonly HeldGrant[] | undefined>(undefined);

const verbsOf: Readonly<Record<string, readonly PageVerb[]>> = {
  view: ["view"],
  create: ["create"],
  delete: ["delete"],
  edit: ["view", "create", "update", "delete"],
  run: ["run"],
  expose: ["view"],
};

/** Reads the rights of this user. Until then, and if that fails, the page offers everything: the server decides. */
export async function readRights(): Promise<void> {
  try {
    const rules = await request<{ grant: HeldGrant; isStale: boolean }[]>("/api/v1/auth/rights");
    held.value = rules.filter(({ isStale }) => !isStale).map(({ grant }) => grant);
  } catch {
    held.value = undefined;
  }
}

/**
 * True if the page offers something to this user. It is only a courtesy: the server checks every request.
 *
 * @param name of one object; undefined for the kind as a whole
 */
export function may(verb: PageVerb, plural: string, name?: string): boolean {
  return (held.value ?? [{ role: "everything" }]).some(
    (grant) =>
      grant.role === "everything" ||
      (verbsOf[grant.role]?.includes(verb) === true &&
        (grant.resource === "*" || grant.resource === plural) &&
        (grant.name === undefined || grant.name === name)),
  );
}

/** True if the page offers an operation, such as `backup`, to this user. */
export function mayOperate(action: string): boolean {
  return (held.value ?? [{ role: "everything" }]).some(
    (grant) => grant.role === "everything" || grant.action === action,
  );
}
