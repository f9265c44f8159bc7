import { AppError } from "../../errors.ts";
import { didYouMean } from "../../kinds/names.ts";
import { type Commands, type CommandVerb, defineVerb } from "../core/command.ts";
import { globalArgs } from "../core/globals.ts";
import { flagLines, rootHelp, verbHelp } from "../core/help.ts";

/** Texts that are about no verb. */
export const topics: Record<string, () => string> = {
  flags: () => ["Every verb takes these flags, before or after it:", "", ...flagLines(globalArgs)].join("\n"),
  environment: () => `Environment variables:

  MCPCTL_SERVER       The server; --server and --context go first. MCPD_URL means the same
  MCPCTL_TOKEN        The token; --token-file goes first
  MCPCTL_HOME         Folder of config.json and credentials.json instead of ~/.mcpctl
  MCPCTL_DATA_DIR     Folder of the local server's database and Unix socket
  NO_COLOR            Any value: no colours
  CLICOLOR_FORCE      Any value but 0: colours off a terminal too
  EDITOR, VISUAL      The editor that "mcpctl edit" opens
  MCPCTL_UPDATE_URL   The folder of the newest release, for "mcpctl upgrade"
  MCPCTL_UPDATE_KEY   The public key that signs releases, if not the one of the build

The server is the first of: --server; --context; MCPCTL_SERVER; the current context; the
Unix socket of a server on this machine; http://127.0.0.1:7777.

The token is the first of: --token-file; MCPCTL_TOKEN; the token file of the context; the
session of "mcpctl login" in ~/.mcpctl/credentials.json. The Unix socket needs none.`,
  "exit-codes": () => `Exit codes:

  0     Success
  1     Failure: a conflict, refused input, no connection. Also: "no" of auth can-i, a
        difference found by diff, a failed check of doctor
  2     Wrong usage: an unknown verb, flag or kind, a missing argument
  3     Not found
  4     Not allowed, or not logged in
  6     Timed out
  130   Interrupted with Ctrl-C`,
};

export const help = defineVerb({
  meta: {
    name: "help",
    description: "Show help for a verb or a topic",
    about: `"mcpctl VERB --help" prints the same. Behind "create" a kind may follow, to see its flags.
      Topics: ${Object.keys(topics).join(", ")}.`,
    usage: "[VERB... | TOPIC]",
    examples: [
      ["mcpctl help get", "Show the help of a verb"],
      ["mcpctl help create llm", "Show the flags of create for a kind"],
      ["mcpctl help environment", "Show a topic"],
    ],
  },
  args: {
    words: { type: "positional", required: false, multiple: true, valueHint: "VERB", complete: "verbs" },
  },
  async run(args, context, commands) {
    const { terminal } = context;
    const [first] = args.words;
    if (first === undefined) terminal.out(rootHelp(commands));
    else if (Object.hasOwn(topics, first)) terminal.out(`${topics[first]!()}\n`);
    else {
      const { verb, path, rest } = await follow(args.words, commands);
      const more = await verb.moreArgs?.(rest, context);
      const meta = { ...verb.meta, ...(await verb.metaFor?.(rest)) };
      terminal.out(verbHelp(path, { ...verb, meta }, { ...verb.args, ...more }));
    }
  },
});

/** The verb that the words lead to. `rest` may hold a kind, as in `help create llm`. */
async function follow(
  words: readonly string[],
  commands: Commands,
): Promise<{ verb: CommandVerb; path: string; rest: string[] }> {
  let level: Commands | undefined = commands;
  let verb: CommandVerb | undefined;
  const path: string[] = [];
  const rest = [...words];
  while (level && rest.length > 0) {
    const word = rest.shift()!;
    if (!Object.hasOwn(level, word)) {
      const known = [...Object.keys(level), ...Object.keys(topics)];
      throw new AppError("usage", `no help for "${word}"`, {
        hint: didYouMean(word, known) ?? "to see verbs and topics: mcpctl help",
      });
    }
    verb = await level[word]!.load();
    path.push(word);
    level = verb.verbs;
  }
  return { verb: verb!, path: path.join(" "), rest };
}
