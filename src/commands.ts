import type { Commands } from "./cli/core/command.ts";

/** Every verb by name. Only the one that runs is loaded: the others cost its start nothing. */
export const commands: Commands = {
  get: {
    group: "Look",
    summary: "List or show resources",
    load: async () => (await import("./cli/cmd/get.ts")).get,
  },
  describe: {
    group: "Look",
    summary: "Show one object in full",
    load: async () => (await import("./cli/cmd/describe.ts")).describe,
  },
  explain: {
    group: "Look",
    summary: "Explain a kind and its fields",
    load: async () => (await import("./cli/cmd/explain.ts")).explain,
  },
  status: {
    group: "Look",
    summary: "Show which server answers, and who you are to it",
    load: async () => (await import("./cli/cmd/status.ts")).status,
  },
  wait: {
    group: "Look",
    summary: "Wait until objects are in a state, or gone",
    load: async () => (await import("./cli/cmd/wait.ts")).wait,
  },
  audit: {
    group: "Look",
    summary: "Show what has happened",
    load: async () => (await import("./cli/cmd/audit.ts")).audit,
  },
  doctor: {
    group: "Look",
    summary: "Measure the way to the server, and say what mends it",
    load: async () => (await import("./cli/cmd/doctor.ts")).doctor,
  },
  chat: {
    group: "Use",
    summary: "Talk to a persona (kind agent)",
    load: async () => (await import("./cli/cmd/chat.ts")).chat,
  },
  "chat-llm": {
    group: "Use",
    summary: "Talk to an llm or a pool",
    load: async () => (await import("./cli/cmd/chat-llm.ts")).chatLlm,
  },
  create: {
    group: "Change",
    summary: "Create an object",
    load: async () => (await import("./cli/cmd/create.ts")).create,
  },
  apply: {
    group: "Change",
    summary: "Bring objects to what manifests say",
    load: async () => (await import("./cli/cmd/apply.ts")).apply,
  },
  diff: {
    group: "Change",
    summary: "Show what apply would change",
    load: async () => (await import("./cli/cmd/diff.ts")).diff,
  },
  edit: {
    group: "Change",
    summary: "Change an object in your editor",
    load: async () => (await import("./cli/cmd/edit.ts")).edit,
  },
  patch: {
    group: "Change",
    summary: "Change single fields of an object",
    load: async () => (await import("./cli/cmd/patch.ts")).patch,
  },
  delete: {
    group: "Change",
    summary: "Delete objects",
    load: async () => (await import("./cli/cmd/delete.ts")).deleteVerb,
  },
  migrate: {
    group: "Change",
    summary: "Move secrets from one backend to another",
    load: async () => (await import("./cli/cmd/migrate.ts")).migrate,
  },
  rotate: {
    group: "Change",
    summary: "Replace the token of a secret backend, or the master key",
    load: async () => (await import("./cli/cmd/rotate.ts")).rotate,
  },
  login: {
    group: "You and the server",
    summary: "Log in with user and password",
    load: async () => (await import("./cli/cmd/login.ts")).login,
  },
  logout: {
    group: "You and the server",
    summary: "End the session",
    load: async () => (await import("./cli/cmd/logout.ts")).logout,
  },
  passwd: {
    group: "You and the server",
    summary: "Set your password",
    load: async () => (await import("./cli/cmd/passwd.ts")).passwd,
  },
  whoami: {
    group: "You and the server",
    summary: "Show who you are to the server",
    load: async () => (await import("./cli/cmd/whoami.ts")).whoami,
  },
  auth: {
    group: "You and the server",
    summary: "Ask what you may do",
    load: async () => (await import("./cli/cmd/auth.ts")).auth,
  },
  config: {
    group: "You and the server",
    summary: "Name servers, and choose the one to talk to",
    load: async () => (await import("./cli/cmd/config.ts")).config,
  },
  server: {
    group: "Run",
    summary: "Run the server",
    load: async () => (await import("./server/command.ts")).server,
  },
  agent: {
    group: "Run",
    summary: "Publish this machine's models, and serve its tools",
    load: async () => (await import("./agent/cmd/agent.ts")).agent,
  },
  provider: {
    group: "Run",
    summary: "Show, wake and stop the providers of this machine's agent",
    load: async () => (await import("./cli/cmd/provider.ts")).provider,
  },
  version: {
    group: "This program",
    summary: "Show the versions of client and server",
    load: async () => (await import("./cli/cmd/version.ts")).version,
  },
  completion: {
    group: "This program",
    summary: "Print the completion script of a shell",
    load: async () => (await import("./cli/cmd/completion.ts")).completion,
  },
  help: {
    group: "This program",
    summary: "Show help for a verb or a topic",
    load: async () => (await import("./cli/cmd/help.ts")).help,
  },
  __complete: {
    hidden: true,
    summary: "What may stand in the place of the last word",
    load: async () => (await import("./cli/cmd/complete.ts")).complete,
  },
};
