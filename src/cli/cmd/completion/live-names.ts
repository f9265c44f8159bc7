import { createHash } from "node:crypto";
import { join } from "node:path";
import { Type } from "@sinclair/typebox";
import type { KindInfo } from "../../../kinds/define.ts";
import { isId, isName } from "../../../kinds/names.ts";
import { readPrivateFile, writePrivateFile } from "../../../private-file.ts";
import { proxyRule } from "../../../proxies.ts";
import { parsedAnswer } from "../../client/answer-text.ts";
import { fieldsOf, Id, Name } from "../../client/answers.ts";
import { ApiClient, type Endpoint } from "../../client/client.ts";
import { resolveEndpoint } from "../../client/endpoint.ts";
import { answerShape } from "../../client/shape.ts";
import { listTasks, taskKind } from "../../client/task-answers.ts";
import type { Context } from "../../core/context.ts";
import { globalArgs, globalFlags } from "../../core/globals.ts";
import { flagsIn } from "../../core/parse.ts";

/** Time limit in milliseconds, because the user has pressed Tab and waits. */
const timeLimit = 150;
/** Other names are left out: a name with `$(…)` would be a command on the line that the shell completes (T110). */
const named = answerShape(
  Type.Array(Type.Object({ name: Type.String(), keys: Type.Optional(Type.Array(Type.String())) })),
);
/** A secret and a key in it. */
const secretKey = "^[a-z0-9][a-z0-9-]{0,99}/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$";
const SecretKey = Type.String({ pattern: secretKey, title: "key" });
const cached = fieldsOf({ at: Type.Number(), names: Type.Array(Type.Union([Name, Id, SecretKey])) });

/** Milliseconds for which names are cached: enough for several presses of Tab in a row. */
const freshFor = 10_000;

/**
 * The names of a kind's objects on the server that the typed command line would use.
 *
 * @param typed its words so far, which may include `--server` or `--context`
 * @param keys the keys of secrets instead, as `SECRET/KEY`
 * @throws if the server does not respond in time
 */
export async function liveNames(
  kind: KindInfo,
  typed: readonly string[],
  context: Context,
  keys?: "keys",
): Promise<string[]> {
  const flags = globalFlags(flagsIn(typed, globalArgs));
  const endpoint = await resolveEndpoint({ ...context, flags });
  const file = join(context.home, "cache", `${keys ?? "names"}-${keyOf(kind, endpoint)}.json`);
  const known = readCache(file, context.now());
  if (known) return known;
  const client = new ApiClient(endpoint, {
    timeout: timeLimit,
    signal: context.signal,
    proxyFor: proxyRule(context.env),
  });
  const objects = kind === taskKind ? await tasks(client) : await objectsOf(kind, client);
  const isKey = (word: string) => new RegExp(secretKey).test(word);
  const names = keys
    ? objects.flatMap((one) => (one.keys ?? []).map((key) => `${one.name}/${key}`)).filter(isKey)
    : objects.map((object) => object.name).filter((name) => isName(name) || isId(name));
  try {
    writePrivateFile(file, JSON.stringify({ at: context.now(), names }));
  } catch {
    // In a home that cannot be written to, the names are asked for each time.
  }
  return names;
}

function objectsOf({ plural }: KindInfo, client: ApiClient): Promise<{ name: string; keys?: string[] }[]> {
  return client.call("GET", `/api/v1/${plural}`, { answer: named });
}

async function tasks(client: ApiClient): Promise<{ name: string; keys?: string[] }[]> {
  return (await listTasks(client)).map(({ id }) => ({ name: id }));
}

function readCache(file: string, now: number): string[] | undefined {
  const text = readPrivateFile(file, { secret: true });
  if (text === undefined) return undefined;
  const { at, names } = parsedAnswer(text, cached);
  return now - at >= 0 && now - at < freshFor ? names : undefined;
}

/** Names are cached for one server and one token, because another user may see other names. */
function keyOf(kind: KindInfo, { url, token = "" }: Endpoint): string {
  return createHash("sha256").update([kind.plural, url, token].join("\n")).digest("hex").slice(0, 16);
}
