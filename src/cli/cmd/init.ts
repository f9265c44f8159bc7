import { AppError } from "../../errors.ts";
import { llmTypes } from "../../kinds/provider-types.ts";
import { identityAnswer } from "../client/account-answers.ts";
import { staysOnThisMachine } from "../client/endpoint.ts";
import { type CommandVerb, defineVerb } from "../core/command.ts";
import { secretInput } from "../flags/secret-values.ts";
import type { ModelUse } from "./connect/client.ts";
import { connectClients } from "./connect/clients/index.ts";
import { connectModels } from "./connect/connect-models.ts";
import { chosenClient } from "./init/choose-client.ts";
import { chosenProvider, type FoundModel } from "./init/choose-provider.ts";
import { firstLlm } from "./init/first-llm.ts";

/** Clients that `mcpctl init` can set up: all that use models. */
const clients = connectClients.flatMap((client) =>
  client.models ? [client as typeof client & { models: ModelUse }] : [],
);

/**
 * Returns the verb that makes the first llm.
 *
 * @param findModels finds the models of servers on this machine
 */
export function initVerb(
  findModels: (env: Readonly<Record<string, string | undefined>>) => Promise<FoundModel[]>,
): CommandVerb {
  return defineVerb({
    meta: {
      name: "init",
      description: "Set up the first model, and a program that uses it",
      about: `Asks for a provider, its key and a model, stores the key as a secret, makes an llm, calls it once, and then sets
        up the program that you use, as "mcpctl connect" does. Servers of models on this machine, such as Ollama, LM Studio
        and vLLM, are found and offered. If the call fails, the llm and the secret are taken away again; on a terminal you
        are asked for the key again.

        Off a terminal flags say everything; the key is read from standard input. Run again, it changes nothing that is
        there. The server must run: start it with "mcpctl server" in another terminal.`,
      usage: "[flags]",
      examples: [
        ["mcpctl init", "Answer the questions"],
        [
          "mcpctl init --type openai --model gpt-5.6-luna --key-stdin --client codex < key.txt",
          "Set up Codex with a model of OpenAI's, from a script",
        ],
        ["mcpctl init --type ollama --model qwen3:8b", "Use a model of the Ollama on this machine"],
      ],
    },
    args: {
      type: {
        type: "string",
        valueHint: "TYPE",
        description: "The type of the provider: anthropic, openai, ollama, …",
        complete: llmTypes,
      },
      model: { type: "string", valueHint: "MODEL", description: "The provider's name for the model" },
      "provider-url": {
        type: "string",
        valueHint: "URL",
        description:
          "The base URL of the provider (default: that of the type, or what is found on this machine)",
      },
      "key-stdin": { type: "boolean", description: "Read the provider's key from standard input" },
      name: {
        type: "string",
        valueHint: "NAME",
        description: "The name of the llm (default: from the model's)",
      },
      client: {
        type: "string",
        valueHint: "CLIENT",
        description: "The program to set up, or none (default: a question; off a terminal curl)",
        complete: [...clients.map(({ name }) => name), "none"],
      },
    },
    async run(args, context) {
      const { terminal } = context;
      if (args.client !== undefined && args.client !== "none") clientNamed(args.client);
      // Before the questions: is there a server, and does it know the user?
      const client = await context.client();
      await client.call("GET", "/api/v1/auth/whoami", { answer: identityAnswer });
      const isHere = staysOnThisMachine(client.endpoint.url);
      const provider = await chosenProvider(
        { type: args.type, model: args.model, url: args["provider-url"] },
        isHere ? await findModels(context.env) : [],
        context,
      );
      const key = args["key-stdin"] ? (await secretInput("Key: ", "the key", terminal)).trim() : undefined;
      if (key === "") throw new AppError("usage", "no key was given");
      const llm = await firstLlm({ ...provider, name: args.name, key }, context);
      const name = args.client ?? (await chosenClient(clients, context));
      if (name === "none") return;
      const options = { llm, url: undefined, ttl: undefined, isPrinted: false, isTested: true };
      await connectModels(clientNamed(name), options, context);
    },
  });
}

function clientNamed(name: string) {
  const found = clients.find((client) => client.name === name);
  if (found) return found;
  throw new AppError("usage", `--client ${name}: there is no such program`, {
    hint: `choose one of ${[...clients.map((client) => client.name), "none"].join(", ")}`,
  });
}
