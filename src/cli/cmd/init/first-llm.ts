import { AppError } from "../../../errors.ts";
import type { Resource } from "../../../kinds/define.ts";
import { kindOf } from "../../../kinds/index.ts";
import { isName } from "../../../kinds/names.ts";
import { anything, listOf, objectOf } from "../../client/answers.ts";
import { objectPath } from "../../client/objects.ts";
import { detachedClient, throwIfInterrupted } from "../../core/api-client.ts";
import type { Context } from "../../core/context.ts";
import { callModel } from "../connect/test-call.ts";
import type { ProviderChoice } from "./choose-provider.ts";

/** The number of times that a key is asked for while the provider refuses it. */
const mostTries = 3;

/** The model to make, and its key if standard input had one. */
export interface FirstLlm extends ProviderChoice {
  /** The name of the llm; undefined for one that is made from the model's. */
  name: string | undefined;
  key: string | undefined;
}

/**
 * Makes an llm, with a secret for its key, and calls it once. An llm of that name that has the same provider and model is
 * used as it is. Where the call fails, what was made is taken away again.
 *
 * @returns its name
 */
export async function firstLlm(wanted: FirstLlm, context: Context): Promise<string> {
  const { terminal } = context;
  const name = wanted.name ?? nameOf(wanted.model);
  if (!isName(name))
    throw new AppError(
      "usage",
      `"${name}" cannot be the name of an llm: it has lower-case letters, digits and hyphens`,
      {
        hint: "choose one: --name NAME",
      },
    );
  const existing = (await listed("llm", context)).find((llm) => llm.name === name);
  if (existing) {
    if (existing["type"] !== wanted.type || existing["model"] !== wanted.model)
      throw new AppError("conflict", `there is an llm "${name}" already, with another model`, {
        hint: "choose another name: --name NAME",
      });
    terminal.out(`llm '${name}' is there already\n`);
    if (wanted.key !== undefined)
      terminal.err(`its key stays; to replace it: mcpctl create secret NAME --data api-key=- --force\n`);
    await called(name, context);
    return name;
  }
  for (let left = mostTries; ; left--) {
    const made = await make(name, wanted, context);
    try {
      await called(name, context);
      return name;
    } catch (error) {
      await takeAway(made, context);
      if (!(error instanceof AppError) || error.code === "interrupted") throw error;
      const canAsk = terminal.inIsTerminal && made.hasAsked && left > 1;
      if (!canAsk) throw error;
      terminal.err(`error: ${error.message}\n`);
    }
  }
}

/** Objects that were made, the last one first. */
interface Made {
  paths: string[];
  hasAsked: boolean;
}

async function make(name: string, wanted: FirstLlm, context: Context): Promise<Made> {
  const { terminal } = context;
  // An object is made whole also when Ctrl-C comes meanwhile, so that it is known what to take away.
  const whole = await detachedClient(context);
  const made: Made = { paths: [], hasAsked: false };
  try {
    let secret: string | undefined;
    if (wanted.needsKey) {
      const secrets = await listed("secret", context);
      const known = secrets.find((one) => one.name === wanted.type && hasKey(one));
      if (
        known &&
        wanted.key === undefined &&
        (await agrees(`Use the key in secret '${known.name}'?`, context))
      )
        secret = known.name;
      else {
        const key = wanted.key ?? (await askedKey(wanted.type, made, context));
        secret = freeName(wanted.type, secrets);
        const path = "/api/v1/secrets";
        const body = { name: secret, data: { "api-key": key } };
        const object = await whole.call("POST", path, { body, answer: objectOf(kindOf("secret")) });
        made.paths.unshift(objectPath(kindOf("secret"), object.id));
        throwIfInterrupted(context);
        terminal.out(`secret '${secret}' created\n`);
      }
    }
    const body = {
      name,
      type: wanted.type,
      model: wanted.model,
      ...(wanted.url !== undefined && { url: wanted.url }),
      ...(secret !== undefined && { apiKeyRef: { name: secret, key: "api-key" } }),
    };
    // The call that follows asks the provider.
    const options = { body, query: { probe: "false" }, answer: objectOf(kindOf("llm")) };
    const object = await whole.call("POST", "/api/v1/llms", options);
    made.paths.unshift(objectPath(kindOf("llm"), object.id));
    throwIfInterrupted(context);
    terminal.out(`llm '${name}' created\n`);
    return made;
  } catch (error) {
    await takeAway(made, context);
    throw error;
  }
}

async function takeAway({ paths }: Made, context: Context): Promise<void> {
  const client = await detachedClient(context);
  for (const path of paths) await client.call("DELETE", path, { answer: anything }).catch(() => undefined);
}

/** Calls the llm once, in the way of most programs. */
async function called(name: string, context: Context): Promise<void> {
  try {
    const time = await callModel(await context.client(), "chat", name);
    context.terminal.err(`${name} answered in ${time}\n`);
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "interrupted") throw error;
    throw new AppError(error.code, `${name} cannot be called: ${error.message}`, {
      cause: error,
      hint: error.hint ?? `check the key, the model's name and the address`,
    });
  }
}

async function askedKey(type: string, made: Made, { terminal }: Context): Promise<string> {
  if (!terminal.inIsTerminal)
    throw new AppError("usage", `a key of ${type} is needed`, {
      hint: "give it on standard input, with --key-stdin; never as an argument",
    });
  made.hasAsked = true;
  for (;;) {
    const key = (await terminal.prompt(`API key of ${type}: `, true)).trim();
    if (key !== "") return key;
  }
}

async function agrees(question: string, { terminal }: Context): Promise<boolean> {
  if (!terminal.inIsTerminal) return true;
  return !/^n/i.test((await terminal.prompt(`${question} [Y/n] `)).trim());
}

function hasKey(secret: Resource): boolean {
  return Array.isArray(secret["keys"]) && secret["keys"].includes("api-key");
}

function freeName(type: string, secrets: readonly Resource[]): string {
  const stem = nameOf(type);
  const taken = new Set(secrets.map(({ name }) => name));
  for (let i = 1; ; i++) {
    const name = i === 1 ? stem : `${stem}-${i}`;
    if (!taken.has(name)) return name;
  }
}

/** Returns a name for a model: `gpt-5-6-luna`, `qwen3-8b`, and of a path its last part. */
function nameOf(model: string): string {
  const last = model.split("/").at(-1)!;
  return last
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")
    .slice(0, 60);
}

async function listed(kind: "llm" | "secret", context: Context): Promise<Resource[]> {
  const client = await context.client();
  return client.call("GET", `/api/v1/${kindOf(kind).plural}`, { answer: listOf(kindOf(kind)) });
}
