import { headersOf } from "../../../mcp/http-headers.ts";
import { asMessage, isObject, isRequest } from "../../../mcp/messages.ts";
import { metaKeys, modernRevisions } from "../../../mcp/revisions.ts";
import { replaceHidden } from "../../../wire/text.ts";
import type { Endpoint } from "../../client/client.ts";

/** The forms of mcpctl's own bearers, in any text. */
const bearers = /\bmcpctl_(?:ses|pat|acc|ref|cod)_[0-9a-z]+/g;

/** The envelope that a request of the newest revision has. It stands alone, so that no session is needed. */
const envelope = {
  [metaKeys.protocolVersion]: modernRevisions[0],
  [metaKeys.clientInfo]: { name: "curl", version: "1" },
  [metaKeys.clientCapabilities]: {},
};

/**
 * Returns a command of a POSIX shell that sends a request again, as one of the newest revision. It reads the token from
 * a variable and never has one in it (T223).
 *
 * @param body the request as JSON
 * @returns undefined if it is no request that can stand alone
 */
export function curlCommand(body: string, endpoint: Endpoint, path: string): string | undefined {
  const message = asMessage(parsed(body));
  if (!message || !isRequest(message) || message.method === "initialize") return undefined;
  const { params = {} } = message;
  const meta = isObject(params["_meta"]) ? params["_meta"] : {};
  const { progressToken: _, ...others } = meta;
  const request = { ...message, params: { ...params, _meta: { ...others, ...envelope } } };
  const isSocket = endpoint.url.startsWith("unix://");
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...headersOf(request),
  };
  const words = [
    "curl -sS",
    ...(isSocket ? [`--unix-socket ${quoted(endpoint.url.slice("unix://".length))}`] : []),
    quoted(new URL(path, isSocket ? "http://localhost" : endpoint.url).href),
    ...(isSocket ? [] : ['-H "authorization: Bearer $MCPCTL_TOKEN"']),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data-raw ${quoted(JSON.stringify(request))}`,
  ];
  return without(words.join(" \\\n  "), endpoint.token);
}

/** Returns a word that a shell takes as it is. Characters that a terminal would obey are written as JSON writes them. */
function quoted(text: string): string {
  const visible = replaceHidden(text, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
  return `'${visible.replaceAll("'", "'\\''")}'`;
}

function without(command: string, token: string | undefined): string {
  const plain = token === undefined ? command : command.replaceAll(token, "[token]");
  return plain.replace(bearers, "[token]");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
