import { AppError } from "../../../errors.ts";
import type { NamedValue } from "../../../kinds/mcp-settings.ts";
import { decide, mayRun } from "../access/policy.ts";
import type { McpServerRow } from "../store/typed-rows.ts";
import type { Draft } from "./hooks.ts";
import { hashOf } from "./mcp-pins.ts";
import { missingKey } from "./missing-key.ts";

type ServerDraft = Draft<McpServerRow>;
type Spec = McpServerRow["spec"];

/** The fields that decide which program runs on the host, with what, and how it is kept in. */
const hostFields = [
  "command",
  "package",
  "image",
  "args",
  "env",
  "sandbox",
  "hostPaths",
  "resources",
] as const;

/** The fields that decide which program gets the values of `env` and `headers`. */
const programFields = ["command", "package", "image", "args"] as const;

/** Further fields that decide where it sends them: a variable names a proxy, a host or a module, and a path may hold its code. */
const surroundings = ["env", "hostPaths"] as const;

/**
 * Checks the right to run programs on the host, which `edit` on servers does not include (T134). It is needed for every
 * write that changes one of the fields, whatever they were before.
 *
 * @throws AppError `forbidden`
 */
export function checkHostProcesses({ before, row, principal }: ServerDraft): void {
  const changed = hostFields.filter((field) => !Bun.deepEquals(before?.spec[field], row.spec[field]));
  // A server elsewhere runs nothing here: the default of its sandbox has no meaning.
  const isNewUrl = !before && row.spec.url !== undefined;
  const matters = changed.filter((field) => !(isNewUrl && field === "sandbox"));
  if (matters.length === 0 || mayRun(principal, "host-processes")) return;
  throw new AppError(
    "forbidden",
    `setting ${matters.join(", ")} of a server runs programs on the host of mcpctl server: it needs the operation host-processes`,
    { hint: "an administrator can allow it: mcpctl grant USER run host-processes" },
  );
}

/** Checks the right to call the tool of a health check, which the server calls again and again. */
export function checkHealthTool({ before, row, principal }: ServerDraft): void {
  const { tool, arguments: values } = row.spec.healthCheck ?? {};
  const was = before?.spec.healthCheck;
  if (tool === undefined || (was?.tool === tool && Bun.deepEquals(was.arguments, values))) return;
  if (decide(principal, "run", "servers", row.name, before) !== "forbidden") return;
  throw new AppError("forbidden", `a health check that calls a tool needs run on server "${row.name}"`);
}

/**
 * Checks the references to secrets. Each new one needs `expose` on the secret. So does another program or url that would
 * get the values of references that stay: without it, a change of the program is refused, and headers for another url
 * are removed, as the key of an llm is (T12, T135).
 */
export function checkSecrets(draft: ServerDraft): void {
  const { before, row } = draft;
  for (const field of ["env", "headers"] as const) {
    const values: readonly NamedValue[] = row.spec[field] ?? [];
    for (const [i, { name, valueFrom }] of values.entries()) {
      if (!valueFrom?.secretRef) continue;
      const stood = before?.spec[field]?.some(
        (old) => old.name === name && Bun.deepEquals(old.valueFrom, valueFrom),
      );
      if (!stood) checkReference(draft, `/${field}/${i}/valueFrom/secretRef`, valueFrom.secretRef);
    }
  }
  const secret = row.spec.oauth?.clientSecretRef;
  if (secret && !Bun.deepEquals(before?.spec.oauth?.clientSecretRef, secret))
    checkReference(draft, "/oauth/clientSecretRef", secret);
  if (!before) return;
  checkClientSecret(draft, before);
  const changed = [...programFields, ...surroundings].filter(
    (field) => !Bun.deepEquals(before.spec[field], row.spec[field]),
  );
  if (changed.length > 0) keepFromProgram(draft, changed);
  if (before.spec.url !== row.spec.url && row.spec.headers) {
    const kept = row.spec.headers.filter(
      ({ valueFrom }) => !valueFrom?.secretRef || exposes(draft, valueFrom.secretRef.name),
    );
    if (kept.length > 0) row.spec.headers = kept;
    else delete row.spec.headers;
  }
}

/**
 * Removes the secret of the client at an authorization server when it would go somewhere else: to the one that another url
 * names, or to another issuer.
 */
function checkClientSecret(draft: ServerDraft, before: McpServerRow): void {
  const { spec } = draft.row;
  const secret = spec.oauth?.clientSecretRef;
  const goesElsewhere = before.spec.url !== spec.url || before.spec.oauth?.issuer !== spec.oauth?.issuer;
  if (!secret || !spec.oauth || !goesElsewhere || exposes(draft, secret.name)) return;
  const { clientSecretRef: _, ...oauth } = spec.oauth;
  spec.oauth = oauth;
}

function keepFromProgram(draft: ServerDraft, changed: readonly string[]): void {
  const values = [...(draft.row.spec.env ?? []), ...(draft.row.spec.headers ?? [])];
  const secret = values
    .flatMap(({ valueFrom }) => valueFrom?.secretRef?.name ?? [])
    .find((name) => !exposes(draft, name));
  if (secret === undefined) return;
  throw new AppError(
    "forbidden",
    `with another ${changed.join(", ")} the value of secret "${secret}" could go elsewhere: that needs expose on it`,
  );
}

function exposes({ snapshot, principal }: ServerDraft, name: string): boolean {
  return decide(principal, "expose", "secrets", name, snapshot.named("secret", name)) === "allow";
}

/** Callers that may not expose the secret get the same error whether it exists or not. */
function checkReference(
  draft: ServerDraft,
  path: string,
  { name, key }: { name: string; key: string },
): void {
  const { snapshot, principal, faults } = draft;
  const secret = snapshot.named("secret", name);
  if (decide(principal, "expose", "secrets", name, secret) === "forbidden")
    throw new AppError("forbidden", `using secret "${name}" in a server needs expose on it`);
  const message = secret && missingKey(secret, key);
  if (message !== undefined) faults.push({ path: `${path}/key`, message });
}

/** The fields of which a change makes another server of it, whose tools are accepted as they are. */
const identity: readonly (keyof Spec)[] = [
  ...programFields,
  "transport",
  "url",
  "port",
  "path",
  "env",
  "headers",
  "oauth",
];

/** Returns a hash of the fields that make a server the one that it is. */
export function definitionHash({ spec }: McpServerRow): string {
  return hashOf(Object.fromEntries(identity.map((field) => [field, spec[field]])));
}

/** True if a change of the fields makes another server of it. */
export function isAnotherServer(before: McpServerRow, row: McpServerRow): boolean {
  return identity.some((field) => !Bun.deepEquals(before.spec[field], row.spec[field]));
}
