import { AppError } from "../../../errors.ts";
import type { Resource } from "../../../kinds/define.ts";
import type { RoleBinding } from "../../../kinds/grants.ts";
import { rbac } from "../../../kinds/rbac.ts";
import { anything, listOf, objectOf } from "../../client/answers.ts";
import type { ApiClient } from "../../client/client.ts";
import { dryRunQuery } from "../../client/dry-run.ts";
import { objectPath } from "../../client/objects.ts";
import type { Subject } from "./target.ts";

/** A binding as the server lists it. */
type Binding = Resource & { subjects: Subject[]; roleBindings: RoleBinding[] };

/** The server to change, and whose bindings are read. */
interface Target {
  client: ApiClient;
  /** The server checks the changes, and makes none. */
  dryRun: boolean;
}

/** Attempts of a change that somebody else's change has come before. */
const attempts = 5;

/**
 * Gives a grant to a subject, in a binding for this grant alone: a change of a binding gives all of its grants anew, also
 * for objects that have come under an old name since.
 *
 * @returns the name of the binding, and true if the subject had the grant already
 * @throws AppError `forbidden` if the caller does not have the right itself
 */
export async function addGrant(
  target: Target,
  subject: Subject,
  grant: RoleBinding,
): Promise<{ binding: string; was: boolean }> {
  return retried(async () => {
    const all = await bindings(target);
    const giving = all.filter((one) => gives(one, subject, grant));
    const own = giving.find((one) => isFor(one, subject) && one.roleBindings.length === 1);
    if (own) {
      // Sent again: it then holds for the object that has the name now.
      await change(target, own, [grant]);
      return { binding: own.name, was: true };
    }
    if (giving[0]) return { binding: giving[0].name, was: true };
    const names = new Set(all.map(({ name }) => name));
    const name = freeName(nameOf(subject, grant), names);
    const body = { name, subjects: [subject], roleBindings: [grant] };
    const query = dryRunQuery(target.dryRun);
    const created = target.client.call("POST", `/api/v1/${rbac.plural}`, {
      body,
      query,
      answer: objectOf(rbac),
    });
    await created.catch((error) => {
      throw aboutTyped(error, subject, grant);
    });
    return { binding: name, was: false };
  });
}

/**
 * Returns the error about a subject or an object that does not exist in words that name no field of the binding, which
 * nobody typed.
 */
function aboutTyped(error: unknown, { kind }: Subject, grant: RoleBinding): unknown {
  if (!(error instanceof AppError) || error.code !== "invalid_request") return error;
  const { message, details, requestId } = error;
  const said = (path: string) =>
    new RegExp(`\\b${path.replaceAll("/", "[./]")}: (.+)$`).exec(message)?.[1] ??
    details?.find((fault) => fault.path === `/${path}`)?.message;
  const aboutSubject = said("subjects/0") ?? said("subjects/0/name");
  const text = aboutSubject ?? said("roleBindings/0/name");
  if (text === undefined) return error;
  const plural =
    aboutSubject === undefined && "resource" in grant ? grant.resource : `${kind.toLowerCase()}s`;
  return new AppError("not_found", text, {
    ...(!text.includes("did you mean") && { hint: `to see what there is: mcpctl get ${plural}` }),
    ...(requestId !== undefined && { requestId }),
  });
}

/**
 * Takes a grant from the bindings that are for a subject alone.
 *
 * @returns the names of these bindings, and of those that stay as they are: they give it to others too, or give rights on
 * single objects besides, which a change would give anew
 */
export async function removeGrant(
  target: Target,
  subject: Subject,
  grant: RoleBinding,
): Promise<{ removed: string[]; kept: string[] }> {
  const removed: string[] = [];
  const kept = await retried(async () => {
    const left: string[] = [];
    for (const one of (await bindings(target)).filter((one) => gives(one, subject, grant))) {
      const others = one.roleBindings.filter((other) => !isSame(other, grant));
      if (!isFor(one, subject) || others.some((other) => "name" in other)) {
        left.push(one.name);
        continue;
      }
      if (others.length > 0) await change(target, one, others);
      else
        await target.client.call("DELETE", objectPath(rbac, one.id), {
          query: dryRunQuery(target.dryRun),
          answer: anything,
        });
      removed.push(one.name);
    }
    return left;
  });
  return { removed, kept };
}

async function bindings({ client }: Target): Promise<Binding[]> {
  return (await client.call("GET", `/api/v1/${rbac.plural}`, { answer: listOf(rbac) })) as Binding[];
}

function change(
  { client, dryRun }: Target,
  { id, version }: Binding,
  roleBindings: RoleBinding[],
): Promise<unknown> {
  return client.call("PUT", objectPath(rbac, id), {
    query: dryRunQuery(dryRun),
    body: { roleBindings, version },
    answer: objectOf(rbac),
  });
}

/** `alice-run-llms-claude` */
function nameOf({ name }: Subject, grant: RoleBinding): string {
  const on = "action" in grant ? [grant.action] : [grant.resource, grant.name ?? ""];
  const words = [name, grant.role, ...on].map((word) => (word === "*" ? "all" : word));
  return words
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .slice(0, 95)
    .replace(/-+$/, "");
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let count = 2, name = wanted; ; count++) {
    if (!taken.has(name)) return name;
    name = `${wanted}-${count}`;
  }
}

function isFor({ subjects }: Binding, { kind, name }: Subject): boolean {
  return subjects.length === 1 && subjects[0]!.kind === kind && subjects[0]!.name === name;
}

function gives({ subjects, roleBindings }: Binding, subject: Subject, grant: RoleBinding): boolean {
  const isSubject = subjects.some(({ kind, name }) => kind === subject.kind && name === subject.name);
  return isSubject && roleBindings.some((other) => isSame(other, grant));
}

function isSame(one: RoleBinding, other: RoleBinding): boolean {
  return Bun.deepEquals({ ...one }, { ...other });
}

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof AppError && ["stale_version", "name_taken"].includes(error.code);
      if (!passing || attempt === attempts) throw error;
    }
  }
}
