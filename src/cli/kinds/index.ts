import type { KindExtension, Report } from "./extension.ts";

/** Kinds that add something to the generic verbs, by their singular name. Each is loaded by the verb that needs it. */
const extensions: Readonly<Record<string, () => Promise<KindExtension>>> = {
  llm: async () => (await import("./llm.ts")).llm,
  project: async () => (await import("./project.ts")).project,
  secret: async () => (await import("./secret.ts")).secret,
  secretbackend: async () => (await import("./secret-backend.ts")).secretBackend,
  server: async () => (await import("./server.ts")).server,
  token: async () => (await import("./token.ts")).token,
  user: async () => (await import("./user.ts")).user,
};

/** The singular names of the kinds that add something. */
export const extendedKinds: readonly string[] = Object.keys(extensions);

/**
 * Returns what a kind adds to the generic verbs; nothing for a kind that follows from its descriptor alone.
 *
 * @param kind the singular name
 */
export async function extensionOf(kind: string): Promise<KindExtension> {
  return Object.hasOwn(extensions, kind) ? extensions[kind]!() : {};
}

/** Words that `get` takes like a kind, and that stand for a report instead of objects. */
const reports: Readonly<Record<string, () => Promise<Report>>> = {
  price: async () => (await import("./prices.ts")).prices,
  prices: async () => (await import("./prices.ts")).prices,
  task: async () => (await import("./tasks.ts")).tasks,
  tasks: async () => (await import("./tasks.ts")).tasks,
  thread: async () => (await import("./threads.ts")).threads,
  threads: async () => (await import("./threads.ts")).threads,
  tools: async () => (await import("./tools.ts")).tools,
  usage: async () => (await import("./usage.ts")).usage,
  workstation: async () => (await import("./workstations.ts")).workstations,
  workstations: async () => (await import("./workstations.ts")).workstations,
};

/** Those words. */
export const reportWords: readonly string[] = Object.keys(reports);

/** Returns the report that a word of `get` stands for; undefined for a kind. */
export async function reportOf(word: string): Promise<Report | undefined> {
  return Object.hasOwn(reports, word) ? reports[word]!() : undefined;
}
