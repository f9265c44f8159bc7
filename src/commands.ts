import type { Commands } from "./cli/core/command.ts";

/** Every verb by name. Only the verb that runs is loaded, so that it starts fast. */
export const commands: Commands = {
  get: {
    group: "See",
    summary: "List the objects of a kind, or show single ones",
    load: async () => (await import("./cli/cmd/get.ts")).get,
  },
  describe: {
    group: "See",
    summary: "Show all there is to know about one object",
    load: async () => (await import("./cli/cmd/describe.ts")).describe,
  },
  explain: {
    group: "See",
    summary: "Describe the kinds and their fields",
    load: async () => (await import("./cli/cmd/explain.ts")).explain,
  },
  status: {
    group: "See",
    summary: "Show the server that is used and who you are there",
    load: async () => (await import("./cli/cmd/status.ts")).status,
  },
  ui: {
    group: "See",
    summary: "Open the web page of the server",
    load: async () => (await import("./cli/cmd/ui.ts")).ui,
  },
  wait: {
    group: "See",
    summary: "Wait until objects have a value in a field, or are deleted",
    load: async () => (await import("./cli/cmd/wait.ts")).wait,
  },
  audit: {
    group: "See",
    summary: "Show recorded events: calls, changes, logins",
    load: async () => (await import("./cli/cmd/audit.ts")).audit,
  },
  logs: {
    group: "See",
    summary: "Show what the programs of an MCP server write, or the answer of a task",
    load: async () => (await import("./cli/cmd/logs.ts")).logs,
  },
  cache: {
    group: "See",
    summary: "List or clear the long results of MCP servers that are kept",
    load: async () => (await import("./cli/cmd/cache.ts")).cache,
  },
  doctor: {
    group: "See",
    summary: "Measure the connection to the server, and print how to fix it",
    load: async () => (await import("./cli/cmd/doctor.ts")).doctor,
  },
  chat: {
    group: "Use models",
    summary: "Talk to a persona (kind agent)",
    load: async () => (await import("./cli/cmd/chat.ts")).chat,
  },
  "chat-llm": {
    group: "Use models",
    summary: "Talk to an llm or a pool",
    load: async () => (await import("./cli/cmd/chat-llm.ts")).chatLlm,
  },
  mcp: {
    group: "Use models",
    summary: "Serve a project to an MCP client that starts programs",
    load: async () => (await import("./cli/cmd/mcp.ts")).mcp,
  },
  console: {
    group: "Use models",
    summary: "Show what a model sees of a project, and try its tools",
    load: async () => (await import("./cli/cmd/console.ts")).consoleVerb,
  },
  test: {
    group: "Use models",
    summary: "Test what a server offers, as a program would use it",
    load: async () => (await import("./cli/cmd/test.ts")).test,
  },
  init: {
    group: "Use models",
    summary: "Set up the first model, and a program that uses it",
    load: async () => {
      const { modelsOfMachine } = await import("./agent/discovery/local-models.ts");
      return (await import("./cli/cmd/init.ts")).initVerb(modelsOfMachine);
    },
  },
  connect: {
    group: "Use models",
    summary: "Set up Claude Code, Codex, SDKs and others to use the server",
    load: async () => (await import("./cli/cmd/connect.ts")).connect,
  },
  run: {
    group: "Use models",
    summary: "Start a program that uses the server, with a token that dies with it",
    load: async () => (await import("./cli/cmd/run.ts")).run,
  },
  create: {
    group: "Change",
    summary: "Create an object",
    load: async () => (await import("./cli/cmd/create.ts")).create,
  },
  apply: {
    group: "Change",
    summary: "Create and change objects so that they match manifests",
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
  "attach-server": {
    group: "Change",
    summary: "Attach an MCP server to a project, which then offers its tools",
    load: async () => (await import("./cli/cmd/attach-server.ts")).attachServer,
  },
  "detach-server": {
    group: "Change",
    summary: "Detach an MCP server from a project",
    load: async () => (await import("./cli/cmd/detach-server.ts")).detachServer,
  },
  migrate: {
    group: "Change",
    summary: "Move secrets from one secret backend to another",
    load: async () => (await import("./cli/cmd/migrate.ts")).migrate,
  },
  rotate: {
    group: "Change",
    summary: "Replace a token, the token of a secret backend, or the master key",
    load: async () => (await import("./cli/cmd/rotate.ts")).rotate,
  },
  backup: {
    group: "Keep safe",
    summary: "Save all of a server in one file, or check such a file",
    load: async () => (await import("./cli/cmd/backup.ts")).backup,
  },
  restore: {
    group: "Keep safe",
    summary: "Fill a server from a backup",
    load: async () => (await import("./cli/cmd/restore.ts")).restore,
  },
  login: {
    group: "Access",
    summary: "Log in with user name and password",
    load: async () => (await import("./cli/cmd/login.ts")).login,
  },
  logout: {
    group: "Access",
    summary: "End the session of login",
    load: async () => (await import("./cli/cmd/logout.ts")).logout,
  },
  grant: {
    group: "Access",
    summary: "Give a user, a group or a token a right",
    load: async () => (await import("./cli/cmd/grant.ts")).grant,
  },
  revoke: {
    group: "Access",
    summary: "Take a right from a user, a group or a token",
    load: async () => (await import("./cli/cmd/revoke.ts")).revoke,
  },
  admit: {
    group: "Access",
    summary: "Let the llm of another user join a pool",
    load: async () => (await import("./cli/cmd/admit.ts")).admit,
  },
  approve: {
    group: "Access",
    summary: "Accept the changed tools of an MCP server, or a proposed prompt",
    load: async () => (await import("./cli/cmd/approve.ts")).approve,
  },
  reject: {
    group: "Access",
    summary: "Reject a proposed prompt",
    load: async () => (await import("./cli/cmd/reject.ts")).reject,
  },
  authorize: {
    group: "Access",
    summary: "Give mcpctl access to an MCP server that wants a login",
    load: async () => (await import("./cli/cmd/authorize.ts")).authorize,
  },
  deauthorize: {
    group: "Access",
    summary: "Take back the access that was given to an MCP server",
    load: async () => (await import("./cli/cmd/deauthorize.ts")).deauthorize,
  },
  passwd: {
    group: "Access",
    summary: "Set your password",
    load: async () => (await import("./cli/cmd/passwd.ts")).passwd,
  },
  whoami: {
    group: "Access",
    summary: "Show who you are to the server",
    load: async () => (await import("./cli/cmd/whoami.ts")).whoami,
  },
  auth: {
    group: "Access",
    summary: "Ask what you or a user may do",
    load: async () => (await import("./cli/cmd/auth.ts")).auth,
  },
  config: {
    group: "Access",
    summary: "Name servers, and choose the one to use",
    load: async () => (await import("./cli/cmd/config.ts")).config,
  },
  server: {
    group: "Run",
    summary: "Run the server",
    load: async () => (await import("./server/command.ts")).server,
  },
  agent: {
    group: "Run",
    summary: "Publish the models of this machine, and serve its tools",
    load: async () => (await import("./agent/cmd/agent.ts")).agent,
  },
  provider: {
    group: "Run",
    summary: "List, wake or stop the providers of this machine's agent",
    load: async () => (await import("./cli/cmd/provider.ts")).provider,
  },
  version: {
    group: "This program",
    summary: "Show the versions of this program and of the server",
    load: async () => (await import("./cli/cmd/version.ts")).version,
  },
  upgrade: {
    group: "This program",
    summary: "Replace this program with the newest release",
    load: async () => (await import("./cli/cmd/upgrade.ts")).upgrade,
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
  internal: {
    hidden: true,
    summary: "Verbs that mcpctl itself runs",
    load: async () => (await import("./cli/cmd/internal.ts")).internal,
  },
  __complete: {
    hidden: true,
    summary: "Print the words that may complete the last one",
    load: async () => (await import("./cli/cmd/complete.ts")).complete,
  },
};
