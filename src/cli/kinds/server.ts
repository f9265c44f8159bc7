import { AppError } from "../../errors.ts";
import type { Resource } from "../../kinds/define.ts";
import {
  type ParameterValue,
  type ParameterValues,
  serverFrom,
  userKeyIn,
} from "../../kinds/fill-template.ts";
import { kindOf } from "../../kinds/index.ts";
import { didYouMean } from "../../kinds/names.ts";
import type { TemplateParameter } from "../../kinds/template.ts";
import type { TemplateSpec } from "../../kinds/template-values.ts";
import { isObject } from "../../wire/json.ts";
import { escapeLine } from "../../wire/text.ts";
import { anything } from "../client/answers.ts";
import { dryRunQuery, PlannedObjects } from "../client/dry-run.ts";
import { getObject, objectPath } from "../client/objects.ts";
import type { Value } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { pairOf } from "../flags/parse-values.ts";
import { secretValue } from "../flags/secret-values.ts";
import { plain } from "../output/cells.ts";
import type { KindExtension, StartingFields } from "./extension.ts";

export const server: KindExtension = {
  createArgs: {
    "from-template": {
      type: "string",
      valueHint: "TEMPLATE",
      complete: { kind: "template" },
      description:
        "Take the fields from this template; other flags replace them. To see all: mcpctl get templates",
    },
    set: {
      type: "string",
      multiple: true,
      valueHint: "NAME=VALUE",
      description:
        "A parameter of the template. A secret one is SECRET/KEY, user://KEY for a key that each user gives, or @file or " +
        "- for a value that a new secret of the server's name keeps. On a terminal, missing ones are asked for",
    },
  },
  startFrom,
  describe: ({ conditions, env, headers, authorization }) => ({
    authorization: isObject(authorization)
      ? [{ title: "Authorization", lines: accessLines(authorization) }]
      : [],
    ...(Array.isArray(conditions) &&
      conditions.length > 0 && {
        conditions: [
          {
            title: "Conditions",
            lines: conditions.map((one) => `${plain(one?.type)}: ${plain(one?.message)}`),
          },
        ],
      }),
    ...namedLines("env", "Env", env),
    ...namedLines("headers", "Headers", headers),
  }),
};

/** The access that was given at the authorization server, as lines. */
function accessLines(access: Readonly<Record<string, unknown>>): string[] {
  const { status, by, isShared, issuer, scopes, missingScopes, expiresAt, renews, problem } = access;
  const list = (value: unknown) => (Array.isArray(value) ? value.map(plain).join(", ") : "");
  const end = typeof expiresAt === "string" ? plain(expiresAt) : "not said";
  return [
    `Status: ${plain(status)}`,
    `For: ${isShared === true ? "the calls of everybody" : "your calls"}`,
    ...(typeof by === "string" ? [`Authorized by: ${plain(by)}`] : []),
    ...(typeof issuer === "string" ? [`Issuer: ${plain(issuer)}`] : []),
    ...(list(scopes) === "" ? [] : [`Scopes: ${list(scopes)}`]),
    ...(list(missingScopes) === "" ? [] : [`Missing scopes: ${list(missingScopes)}`]),
    // A key of a user comes from no issuer, and nobody knows its end.
    ...(status === "authorized" && typeof issuer === "string"
      ? [`Expires: ${end}${renews === true ? ", renewed by itself" : ""}`]
      : []),
    ...(typeof problem === "string" ? [`Problem: ${plain(problem)}`] : []),
  ];
}

/** Variables or headers as lines: `TOKEN=secret://gh/token`, `TOKEN=user://token`. */
function namedLines(field: string, title: string, values: unknown) {
  if (!Array.isArray(values) || values.length === 0) return {};
  const lines = values.filter(isObject).map(({ name, value, valueFrom }) => {
    const from = isObject(valueFrom) ? valueFrom : {};
    const ref = isObject(from["secretRef"]) ? from["secretRef"] : undefined;
    if (from["userKey"] !== undefined) return `${plain(name)}=user://${plain(from["userKey"])}`;
    return `${plain(name)}=${ref ? `secret://${plain(ref["name"])}/${plain(ref["key"])}` : plain(value)}`;
  });
  return { [field]: [{ title, lines }] };
}

/** The fields of a template with its parameters filled in. Secret values that were typed are stored first. */
async function startFrom(
  name: string,
  args: Readonly<Record<string, Value>>,
  context: Context,
): Promise<StartingFields | undefined> {
  const from = args["from-template"] as string | undefined;
  const given = args["set"] as readonly string[];
  if (from === undefined) {
    if (given.length > 0) throw new AppError("usage", "--set needs --from-template");
    return undefined;
  }
  const template = (await getObject(kindOf("template"), from, context)) as Resource & TemplateSpec;
  const texts = textsOf(template, given);
  const { values, secrets } = await valuesOf(template, texts, name, context);
  const fields = { ...serverFrom(template, values), template: template.name };
  if (Object.keys(secrets).length === 0) return { fields };
  return { fields, ...(await storeSecret(name, secrets, args["dry-run"] === true, context)) };
}

/** The texts of `--set` by parameter. Throws AppError `usage` for one that the template does not have. */
function textsOf(
  { name, parameters }: Resource & TemplateSpec,
  given: readonly string[],
): Map<string, string> {
  const known = parameters.map((parameter) => parameter.name);
  const texts = new Map<string, string>();
  for (const [key, text] of given.map((one) => pairOf(one, "--set takes NAME=VALUE"))) {
    if (!known.includes(key))
      throw new AppError("usage", `--set: template "${name}" has no parameter "${key}"`, {
        hint: didYouMean(key, known) ?? (known.length > 0 ? `it has: ${known.join(", ")}` : "it has none"),
      });
    if (texts.has(key)) throw new AppError("usage", `--set: ${key} is given twice`);
    texts.set(key, text);
  }
  return texts;
}

/** The values of parameters, and the secret values among them by the key that they will have. */
async function valuesOf(
  { parameters }: TemplateSpec,
  texts: ReadonlyMap<string, string>,
  name: string,
  context: Context,
): Promise<{ values: ParameterValues; secrets: Record<string, string> }> {
  const values: Record<string, ParameterValue> = {};
  const secrets: Record<string, string> = {};
  const missing: TemplateParameter[] = [];
  for (const parameter of parameters) {
    const text = texts.get(parameter.name) ?? (await askFor(parameter, context));
    if (text === undefined) {
      if (parameter.required) missing.push(parameter);
      continue;
    }
    if (!parameter.secret) {
      values[parameter.name] = text;
      continue;
    }
    const ref = referenceIn(text);
    if (ref) {
      values[parameter.name] = ref;
      continue;
    }
    const key = parameter.name.toLowerCase().replaceAll("_", "-");
    secrets[key] = await secretTyped(parameter.name, text, texts.has(parameter.name), context);
    values[parameter.name] = { name, key };
  }
  if (missing.length > 0)
    throw new AppError(
      "usage",
      `missing parameters of the template: ${missing.map((one) => one.name).join(", ")}`,
      {
        details: missing.map((one) => ({
          path: `--set ${one.name}=${one.secret ? "SECRET/KEY" : "VALUE"}`,
          message: escapeLine(one.description ?? ""),
        })),
      },
    );
  return { values, secrets };
}

/** Asks for a required parameter; undefined off a terminal and for an empty answer. */
async function askFor(
  { name, description = "", required, secret }: TemplateParameter,
  { terminal }: Context,
): Promise<string | undefined> {
  if (!required || !terminal.inIsTerminal) return undefined;
  const what = escapeLine(description === "" ? name : `${name} (${description})`);
  const answer = await terminal.prompt(
    `${what}${secret ? ", SECRET/KEY, user://KEY or the value" : ""}: `,
    secret === true,
  );
  return answer.trim() === "" ? undefined : answer.trim();
}

/** `SECRET/KEY` or `user://KEY` as a reference; undefined for any other text. */
function referenceIn(text: string): Exclude<ParameterValue, string> | undefined {
  const ofUsers = userKeyIn(text);
  if (ofUsers) return ofUsers;
  const [, name, key] =
    /^([a-z0-9](?:[a-z0-9-]{0,98}[a-z0-9])?)\/([A-Za-z0-9_][A-Za-z0-9._-]{0,99})$/.exec(text) ?? [];
  return name === undefined || key === undefined ? undefined : { name, key };
}

/** The value of a secret parameter. On the command line it would be in the history of the shell, so it is refused there. */
async function secretTyped(
  name: string,
  text: string,
  isArgument: boolean,
  context: Context,
): Promise<string> {
  if (!isArgument) return text;
  if (text !== "-" && !text.startsWith("@"))
    throw new AppError(
      "usage",
      `--set: ${name} is a secret, and every process can see the arguments of another`,
      {
        hint: `write ${name}=SECRET/KEY, ${name}=user://KEY, ${name}=@file or ${name}=- for standard input`,
      },
    );
  return secretValue(name, text, context);
}

/** Creates the secret of a new server; in a dry run the server only checks it. */
async function storeSecret(
  name: string,
  data: Record<string, string>,
  dryRun: boolean,
  context: Context,
): Promise<Omit<StartingFields, "fields">> {
  const kind = kindOf("secret");
  const client = await context.client();
  try {
    const query = dryRunQuery(dryRun);
    await client.call("POST", `/api/v1/${kind.plural}`, { body: { name, data }, query, answer: anything });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "name_taken") throw error;
    throw new AppError("name_taken", `the values would be kept in a secret "${name}", which exists already`, {
      cause: error,
      hint: `to use one that exists: --set NAME=SECRET/KEY`,
    });
  }
  if (dryRun) {
    const planned = new PlannedObjects();
    planned.add({ kind, name });
    context.terminal.err(`secret '${name}' created (dry run)\n`);
    return { planned };
  }
  context.terminal.err(`secret '${name}' created\n`);
  const undo = async () => {
    await client.call("DELETE", objectPath(kind, name), { answer: anything });
    context.terminal.err(`secret '${name}' deleted again\n`);
  };
  return { undo };
}
