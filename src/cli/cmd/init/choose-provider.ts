import { AppError } from "../../../errors.ts";
import { didYouMean } from "../../../kinds/names.ts";
import { httpTypes, ownMachineTypes, providerTypes } from "../../../kinds/provider-types.ts";
import type { Context } from "../../core/context.ts";
import { chosenOf, lineOf } from "./questions.ts";

/** A model of a server on this machine. */
export interface FoundModel {
  type: string;
  model: string;
  url: string;
  runtime: string;
}

/** A provider and one of its models. */
export interface ProviderChoice {
  type: string;
  model: string;
  url: string | undefined;
  /** True if it cannot be called without a key. */
  needsKey: boolean;
}

/** A model that is proposed, of the providers that most people have. */
const proposed: Readonly<Record<string, string>> = {
  anthropic: "claude-sonnet-5",
  openai: "gpt-5.6-luna",
};

/**
 * Returns the provider and the model: as flags say, of what was found on this machine, or as the user answers.
 *
 * @throws AppError `usage` if nobody can be asked for what is missing
 */
export async function chosenProvider(
  given: { type: string | undefined; model: string | undefined; url: string | undefined },
  found: readonly FoundModel[],
  context: Context,
): Promise<ProviderChoice> {
  if (given.type !== undefined && !(given.type in providerTypes))
    throw new AppError("usage", `--type ${given.type}: there is no such type of providers`, {
      hint: didYouMean(given.type, httpTypes) ?? `choose one of ${httpTypes.join(", ")}`,
    });
  const isAsked = context.terminal.inIsTerminal;
  if (!isAsked && (given.type === undefined || given.model === undefined))
    throw new AppError("usage", `--${given.type === undefined ? "type" : "model"} is missing`, {
      hint: hintFor(found),
    });
  const type = given.type ?? (await askedType(found, context));
  const own = found.filter((one) => one.type === type || one.runtime === type);
  const model = given.model ?? (await askedModel(type, own, context));
  const here = own.find((one) => one.model === model);
  const named = here?.type ?? type;
  const isOwnMachine = ownMachineTypes.has(named) || here !== undefined;
  const hasUrl = "url" in (providerTypes[named as keyof typeof providerTypes] ?? {});
  if (given.url !== undefined && !/^https?:$/.test(URL.parse(given.url)?.protocol ?? ""))
    throw new AppError("usage", `--provider-url: "${given.url}" is not a URL`, {
      hint: "for example http://127.0.0.1:11434/v1",
    });
  let url = given.url ?? here?.url;
  if (url === undefined && !hasUrl) {
    if (!isAsked)
      throw new AppError("usage", `--provider-url is missing: the type ${named} has no address of its own`, {
        hint: "for example --provider-url http://127.0.0.1:11434/v1; to see what runs here: mcpctl agent discover",
      });
    url = await lineOf("Base URL of the provider", undefined, context);
  }
  return { type: named, model, url, needsKey: !isOwnMachine };
}

async function askedType(found: readonly FoundModel[], context: Context): Promise<string> {
  const runtimes = [...new Set(found.map(({ runtime }) => runtime))];
  const local = runtimes.map((runtime) => {
    const models = found.filter((one) => one.runtime === runtime);
    return {
      value: runtime,
      text: `at ${models[0]!.url}, with ${models.length} ${models.length === 1 ? "model" : "models"}`,
    };
  });
  const others = httpTypes.map((type) => ({ value: type, text: type }));
  return chosenOf("Where is the model?", [...local, ...others], runtimes[0] ?? "anthropic", context);
}

async function askedModel(type: string, own: readonly FoundModel[], context: Context): Promise<string> {
  const [first] = own;
  if (!first) return lineOf(`Model of ${type}`, proposed[type], context);
  const options = own.map(({ model }) => ({ value: model, text: model }));
  return own.length === 1 ? first.model : chosenOf("Which model?", options, first.model, context);
}

function hintFor(found: readonly FoundModel[]): string {
  const [first] = found;
  return first === undefined
    ? 'for example: mcpctl init --type openai --model MODEL --key-stdin < key.txt; "mcpctl init" on a terminal asks'
    : `found on this machine: ${found
        .slice(0, 10)
        .map(({ type, model }) => `--type ${type} --model ${model}`)
        .join(", or ")}`;
}
