import { Type } from "@sinclair/typebox";
import { AppError } from "../../errors.ts";
import { findKind, kindOf } from "../../kinds/index.ts";
import { jsonText } from "../../wire/text.ts";
import { fieldsOf, Id, Name, Time, Words } from "../client/answers.ts";
import { objectPath, withNearestName } from "../client/objects.ts";
import type { AnswerShape } from "../client/shape.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { warn } from "../core/failure.ts";
import { splitKindName } from "../kinds/kind-name.ts";
import { resolveObject } from "../kinds/resolve-kind.ts";
import { wantsJson } from "../output/format.ts";
import { progressOn } from "../terminal/progress.ts";

/** `mcpctl rotate secretbackend NAME` and `mcpctl rotate master-key` */
export const rotate = defineVerb({
  meta: {
    name: "rotate",
    description: "Replace the token of a secret backend, or the master key",
    about: `With "rotate secretbackend" the server makes itself a new token at the backend, tries it, and revokes the old one.
      "rotate master-key" makes a new master key and encrypts the data keys of sealed secrets with it; the secrets
      themselves do not change. A rotation of the master key that was interrupted is finished by running it again.
      Both need the operation rotate-secretbackend.`,
    usage: "(secretbackend NAME | master-key) [flags]",
    examples: [
      ["mcpctl rotate secretbackend bao", "Replace the token with which the server logs in to the backend"],
      ["mcpctl rotate master-key", "Replace the master key of sealed secrets"],
    ],
  },
  args: {
    what: { type: "positional", required: false, complete: ["secretbackend", "master-key"] },
    name: { type: "positional", required: false },
  },
  async run({ what = "", name }, context) {
    const json = wantsJson(context.flags.output);
    const words = name === undefined ? [what] : [what, name];
    const isBackend = findKind(splitKindName(what).kind)?.kind === "secretbackend";
    if (what !== "master-key" && !isBackend)
      throw new AppError(
        "usage",
        what === "" ? "secretbackend NAME or master-key is missing" : `"${what}" cannot be rotated`,
        {
          hint: "write: mcpctl rotate secretbackend NAME, or mcpctl rotate master-key",
        },
      );
    const target = isBackend ? resolveObject(words) : undefined;
    const [unexpected] = target?.rest ?? words.slice(1);
    if (unexpected !== undefined) throw new AppError("usage", `unexpected argument "${unexpected}"`);
    await (target ? rotateBackend(target.name, json, context) : rotateMasterKey(json, context));
  },
});

/** The response of `POST /api/v1/secretbackends/:name/rotate`. */
const rotatedBackend = fieldsOf({ name: Name, rotatedAt: Time, warning: Type.Optional(Words) });

async function rotateBackend(name: string, json: boolean, context: Context): Promise<void> {
  const kind = kindOf("secretbackend");
  const answer = await requestRotation(`${objectPath(kind, name)}/rotate`, rotatedBackend, context).catch(
    async (error) => {
      throw await withNearestName(error, kind, name, await context.client());
    },
  );
  context.terminal.out(json ? jsonText(answer) : `secretbackend '${answer.name}' rotated\n`);
  if (answer.warning !== undefined)
    warn(context.terminal, `secretbackend '${answer.name}': ${answer.warning}`);
}

/** The response of `POST /api/v1/master-key/rotate`. `resumed`: it has finished an interrupted rotation. */
const rotatedMasterKey = fieldsOf({ keyId: Id, rewrapped: Type.Integer(), resumed: Type.Boolean() });

async function rotateMasterKey(json: boolean, context: Context): Promise<void> {
  const answer = await requestRotation("/api/v1/master-key/rotate", rotatedMasterKey, context);
  const { keyId, rewrapped, resumed } = answer;
  const secrets = `${rewrapped} ${rewrapped === 1 ? "secret" : "secrets"} rewrapped`;
  const line = `${resumed ? "rotation finished" : "master key rotated"}: ${secrets} (key ${keyId})\n`;
  context.terminal.out(json ? jsonText(answer) : line);
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
