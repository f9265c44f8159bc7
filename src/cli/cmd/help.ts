import { AppError } from "../../errors.ts";
import { nearest } from "../../kinds/names.ts";
import { type Commands, defineVerb, type Verb } from "../core/command.ts";
import { globalArgs } from "../core/globals.ts";
import { flagLines, rootHelp, verbHelp } from "../core/help.ts";

const topics: Record<string, () => string> = {
  flags: () => ["Every verb takes these, before or after it:", "", ...flagLines(globalArgs)].join("\n"),
  environment: () => `Environment:

  MCPCTL_SERVER       Server to talk to; --server goes before it. MCPD_URL is the same
  MCPCTL_TOKEN        Bearer token; --token-file goes before it
  MCPCTL_HOME         Folder of config.json and credentials.json instead of ~/.mcpctl
  MCPCTL_DATA_DIR     Folder of the local server's data and Unix socket
  NO_COLOR            Any value: no colours. CLICOLOR_FORCE: colours off a terminal too
  EDITOR              What "mcpctl edit" opens

The server: --server, --context, MCPCTL_SERVER, the current context, the local Unix socket, http://127.0.0.1:7777.
The token: --token-file, MCPCTL_TOKEN, the context's token file, ~/.mcpctl/credentials.json.`,
  "exit-codes": () => `Exit codes:

  0     All went well
  1     It failed: a conflict, refused input, a server that cannot be reached; "no" of auth can-i
  2     The command line made no sense
  3     Not found
  4     Not allowed, or not logged in
  6     Timed out
  130   Interrupted with Ctrl-C`,
};

export const help = defineVerb({
  meta: {
    name: "help",
    description: "Show help for a verb or a topic",
    usage: "[VERB... | TOPIC]",
    notes: `Topics: ${Object.keys(topics).join(", ")}.\n`,
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
      terminal.out(verbHelp(path, verb, { ...verb.args, ...more }));
    }
  },
});

/** The verb that the words lead to; what is left over may be a kind, as in `help create llm`. */
async function follow(
  words: readonly string[],
  commands: Commands,
): Promise<{ verb: Verb; path: string; rest: string[] }> {
  let level: Commands | undefined = commands;
  let verb: Verb | undefined;
  const path: string[] = [];
  const rest = [...words];
  while (level && rest.length > 0) {
    const word = rest.shift()!;
    if (!Object.hasOwn(level, word)) {
      const near = nearest(word, [...Object.keys(level), ...Object.keys(topics)]);
      throw new AppError("usage", `no help for "${word}"`, {
        hint: near ? `did you mean "${near}"?` : "verbs and topics: mcpctl help",
      });
    }
    verb = await level[word]!.load();
    path.push(word);
    level = verb.verbs;
  }
  return { verb: verb!, path: path.join(" "), rest };
}
