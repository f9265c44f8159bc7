import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { findKind, kindOf } from "../../kinds/index.ts";
import { didYouMean } from "../../kinds/names.ts";
import { Bearer } from "../client/account-answers.ts";
import { fieldsOf, Id, Name, Time, Words } from "../client/answers.ts";
import { objectPath, scopeQuery, withNearestName } from "../client/objects.ts";
import type { AnswerShape } from "../client/shape.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { splitKindName } from "../kinds/kind-name.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { type DataPrinter, dataPrinter, objectFormats } from "../output/format.ts";
import { progressOn } from "../terminal/progress.ts";

/** `mcpctl rotate secretbackend NAME` and `mcpctl rotate master-key` */
export const rotate = defineVerb({
  meta: {
    name: "rotate",
    description: "Replace the bearer of a token, the token of a secret backend, or the master key",
    about: `"rotate token" gives a token a new bearer, which is printed this once. The old one is no longer accepted, and
      streams that were opened with it end; rights, limits and history stay. Users rotate their own tokens.

      With "rotate secretbackend" the server makes itself a new token at the backend, tries it, and revokes the old one.
      "rotate master-key" makes a new master key and encrypts the data keys of sealed secrets with it; the secrets
      themselves do not change. A rotation of the master key that was interrupted is finished by running it again.
      These two need the operation rotate-secretbackend.`,
    usage: "(token NAME | secretbackend NAME | master-key) [flags]",
    examples: [
      ["mcpctl rotate token laptop", "Replace a bearer that others may have seen"],
      ["mcpctl rotate secretbackend bao", "Replace the token with which the server logs in to the backend"],
      ["mcpctl rotate master-key", "Replace the master key of sealed secrets"],
    ],
  },
  output: objectFormats,
  args: {
    what: { type: "positional", required: false, complete: ["token", "secretbackend", "master-key"] },
    name: { type: "positional", required: false },
  },
  async run({ what = "", name }, context) {
    const print = await dataPrinter(context.flags.output);
    const words = name === undefined ? [what] : [what, name];
    const rotateNamed = rotations[findKind(splitKindName(what).kind)?.kind ?? ""];
    if (what !== "master-key" && !rotateNamed)
      throw new AppError(
        "usage",
        what === ""
          ? "token NAME, secretbackend NAME or master-key is missing"
          : `"${what}" cannot be rotated`,
        {
          hint:
            didYouMean(what, ["token", "secretbackend", "master-key"]) ??
            "write: mcpctl rotate token NAME, mcpctl rotate secretbackend NAME, or mcpctl rotate master-key",
        },
      );
    const target = rotateNamed ? resolveObject(words) : undefined;
    const [unexpected] = target?.rest ?? words.slice(1);
    if (unexpected !== undefined) throw new AppError("usage", `unexpected argument "${unexpected}"`);
    await (target ? rotateNamed!(target.name, print, context) : rotateMasterKey(print, context));
  },
});

/** Rotates one object of a kind, by the singular name of the kind. */
const rotations: Readonly<
  Record<string, (name: string, print: DataPrinter, context: Context) => Promise<void>>
> = { secretbackend: rotateBackend, token: rotateBearer };

/** The response of `POST /api/v1/tokens/:name/rotate`. */
const rotatedToken = fieldsOf({ id: Id, name: Name, token: Bearer });

async function rotateBearer(name: string, print: DataPrinter, context: Context): Promise<void> {
  const kind = kindOf("token");
  const client = await context.client();
  const query = scopeQuery(kind, context);
  const answer = await client
    .call("POST", `${objectPath(kind, name)}/rotate`, { query, answer: rotatedToken })
    .catch(async (error) => {
      throw await withNearestName(error, kind, name, client);
    });
  const { terminal } = context;
  if (print) return terminal.out(print(answer));
  terminal.err(
    `token '${answer.name}' rotated; the old bearer is no longer accepted. The new one, shown this once:\n`,
  );
  terminal.out(`${answer.token}\n`);
}

/** The response of `POST /api/v1/secretbackends/:name/rotate`. */
const rotatedBackend = fieldsOf({ name: Name, rotatedAt: Time, warning: Type.Optional(Words) });

async function rotateBackend(name: string, print: DataPrinter, context: Context): Promise<void> {
  const kind = kindOf("secretbackend");
  const answer = await requestRotation(`${objectPath(kind, name)}/rotate`, rotatedBackend, context).catch(
    async (error) => {
      throw await withNearestName(error, kind, name, await context.client());
    },
  );
  context.terminal.out(print ? print(answer) : `secretbackend '${answer.name}' rotated\n`);
  if (answer.warning !== undefined)
    warn(context.terminal, `secretbackend '${answer.name}': ${answer.warning}`);
}

/** The response of `POST /api/v1/master-key/rotate`. `resumed`: it has finished an interrupted rotation. */
const rotatedMasterKey = fieldsOf({ keyId: Id, rewrapped: Type.Integer(), resumed: Type.Boolean() });

async function rotateMasterKey(print: DataPrinter, context: Context): Promise<void> {
  const answer = await requestRotation("/api/v1/master-key/rotate", rotatedMasterKey, context);
  const { keyId, rewrapped, resumed } = answer;
  const secrets = `${rewrapped} ${rewrapped === 1 ? "secret" : "secrets"} rewrapped`;
  const line = `${resumed ? "rotation finished" : "master key rotated"}: ${secrets} (key ${keyId})\n`;
  context.terminal.out(print ? print(answer) : line);
}

/** The response to a rotation. It has no time limit: the server may have many secrets, and asks another server. */
async function requestRotation<T>(path: string, answer: AnswerShape<T>, context: Context): Promise<T> {
  const progress = progressOn(context);
  progress.show("rotating …");
  try {
    return await (await context.client()).call("POST", path, { answer, unlimited: true });
  } finally {
    progress.end();
  }
}
