import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { jsonText } from "../../wire/text.ts";
import { type Config, readConfig, writeConfig } from "../client/config.ts";
import { hasTokens } from "../client/credentials.ts";
import { authoritiesIn, serverUrl } from "../client/endpoint.ts";
import { defineGroup, defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { dataPrinter, objectFormats } from "../output/format.ts";
import { mask, masked } from "../output/mask.ts";
import { table } from "../output/table.ts";
import { connectClients } from "./connect/clients/index.ts";
import { connectEntry } from "./connect.ts";

const name = { type: "positional", complete: "contexts" } as const;

const view = defineVerb({
  meta: {
    name: "view",
    description: "Show the config, with credentials masked",
    usage: "",
    examples: [["mcpctl config view", "Print the config as JSON"]],
  },
  output: objectFormats,
  async run(_, context) {
    const { home } = context;
    const print = (await dataPrinter(context.flags.output)) ?? jsonText;
    context.terminal.out(
      print({
        ...(mask(readConfig(home)) as object),
        ...(hasTokens(home) && { credentials: { token: masked } }),
      }),
    );
  },
});

const getContexts = defineVerb({
  meta: {
    name: "get-contexts",
    description: "List the contexts",
    usage: "[-o json|yaml]",
    examples: [["mcpctl config get-contexts", "List the contexts; * marks the current one"]],
  },
  output: objectFormats,
  async run(_, { home, terminal, flags }) {
    const { contexts, currentContext } = readConfig(home);
    const entries = Object.entries(contexts);
    const print = await dataPrinter(flags.output);
    if (print) {
      const list = entries.map(([name, entry]) => ({ name, current: name === currentContext, ...entry }));
      terminal.out(print(list));
    } else if (entries.length === 0) terminal.err("No contexts found.\n");
    else {
      const rows = entries.map(([name, { server, tokenFile }]) => [
        name === currentContext ? "*" : "",
        name,
        server,
        tokenFile ?? "-",
      ]);
      const { columns, color } = terminal;
      terminal.out(
        table(["CURRENT", "NAME", "SERVER", "TOKEN-FILE"], rows, { columns, color, headers: true }),
      );
    }
  },
});

const currentContext = defineVerb({
  meta: {
    name: "current-context",
    description: "Print the name of the current context",
    usage: "",
    examples: [["mcpctl config current-context", "Print one name"]],
  },
  async run(_, { home, terminal }) {
    const { currentContext } = readConfig(home);
    if (currentContext === undefined)
      throw new AppError("invalid_request", "there is no current context", {
        hint: "choose one: mcpctl config use-context NAME",
      });
    terminal.out(`${currentContext}\n`);
  },
});

const useContext = defineVerb({
  meta: {
    name: "use-context",
    description: "Make a context the current one",
    examples: [["mcpctl config use-context home", "Use the server of this context from now on"]],
  },
  args: { name },
  async run(args, context) {
    const config = readConfig(context.home);
    mustHave(config, args.name);
    writeConfig(context.home, { ...config, currentContext: args.name });
    context.terminal.out(`context '${args.name}' is now current\n`);
  },
});

const setContext = defineVerb({
  meta: {
    name: "set-context",
    description: "Add or change a context",
    about: `The first context that is added becomes the current one; later ones do when "mcpctl config use-context"
      selects them.`,
    usage: "NAME --server URL [--token-file FILE] [--ca-cert FILE]",
    examples: [
      ["mcpctl config set-context home --server http://10.0.0.5:7777", "Give a server the name home"],
    ],
  },
  args: {
    name,
    "ca-cert": {
      type: "string",
      valueHint: "FILE",
      description: "Trust only the authorities in this file for the server, in PEM",
    },
  },
  async run(args, context) {
    const { home, flags, terminal } = context;
    const config = readConfig(home);
    const before = config.contexts[args.name];
    const server = flags.server === undefined ? before?.server : serverUrl(flags.server, "--server");
    if (server === undefined) throw new AppError("usage", "--server is missing");
    const tokenFile = flags.tokenFile === undefined ? before?.tokenFile : absolute(flags.tokenFile, context);
    const given = args["ca-cert"];
    const caCert = given === undefined ? before?.caCert : absolute(given, context);
    // A mistyped path is found now, as with login, and not by a later command.
    if (given !== undefined) authoritiesIn(absolute(given, context));
    const entry = {
      ...before,
      server,
      ...(tokenFile !== undefined && { tokenFile }),
      ...(caCert !== undefined && { caCert }),
    };
    writeConfig(home, {
      ...config,
      contexts: { ...config.contexts, [args.name]: entry },
      currentContext: config.currentContext ?? args.name,
    });
    terminal.out(`context '${args.name}' ${before ? "changed" : "created"}\n`);
  },
});

const deleteContext = defineVerb({
  meta: {
    name: "delete-context",
    description: "Remove a context",
    examples: [["mcpctl config delete-context home", "Forget a server"]],
  },
  args: { name },
  async run(args, context) {
    const config = readConfig(context.home);
    mustHave(config, args.name);
    const { [args.name]: _, ...contexts } = config.contexts;
    const { currentContext, ...rest } = config;
    const keep = currentContext !== undefined && currentContext !== args.name;
    writeConfig(context.home, { ...rest, contexts, ...(keep && { currentContext }) });
    context.terminal.out(`context '${args.name}' deleted\n`);
  },
});

function mustHave({ contexts }: Config, name: string): void {
  if (Object.hasOwn(contexts, name)) return;
  throw new AppError("not_found", `no context "${name}"`, {
    hint: didYouMean(name, Object.keys(contexts)) ?? "to see all contexts: mcpctl config get-contexts",
  });
}

/** An absolute path, so that it is valid in every folder. */
function absolute(path: string, { cwd }: Context): string {
  return path.startsWith("/") ? path : `${cwd}/${path}`;
}

export const config = defineGroup(
  {
    name: "config",
    description: "Name servers, and choose the one to use",
    about: `A context is a name for a server, with the file of its token if it has one of its own. Commands talk to the
      server of the current context unless --server, --context or MCPCTL_SERVER names another. Contexts are kept in
      ~/.mcpctl/config.json; MCPCTL_HOME moves the folder.

      To set up Claude Code, Codex and other programs: mcpctl connect.`,
    examples: [
      ["mcpctl config set-context home --server http://10.0.0.5:7777", "Give a server a name"],
      ["mcpctl config use-context home", "Use it from now on"],
    ],
  },
  {
    view: { summary: "Show the config, with credentials masked", load: async () => view },
    "get-contexts": { summary: "List the contexts", load: async () => getContexts },
    "current-context": { summary: "Print the name of the current context", load: async () => currentContext },
    "use-context": { summary: "Make a context the current one", load: async () => useContext },
    "set-context": { summary: "Add or change a context", load: async () => setContext },
    "delete-context": { summary: "Remove a context", load: async () => deleteContext },
    impersonate: {
      summary: "Act as another user, to see what that user sees",
      load: async () => (await import("./config/impersonate.ts")).impersonate,
    },
    // The names in earlier versions of "mcpctl connect claude".
    ...Object.fromEntries(
      connectClients
        .filter(({ mcp }) => mcp !== undefined)
        .map((client) => [client.name, { ...connectEntry(client), hidden: true }]),
    ),
    "claude-generate": { ...connectEntry(connectClients[0]!), hidden: true },
  },
);
