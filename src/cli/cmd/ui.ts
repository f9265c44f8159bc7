import { Type } from "@sinclair/typebox";
import { fieldsOf } from "../client/answers.ts";
import { findSocket } from "../client/endpoint.ts";
import { defineVerb } from "../core/command.ts";
import type { Context } from "../core/context.ts";
import { openBrowser } from "../terminal/browser.ts";

const linkAnswer = fieldsOf({
  url: Type.String({ pattern: "^https?://[!-~]{1,500}$", title: "web address" }),
  seconds: Type.Integer(),
});

export const ui = defineVerb({
  meta: {
    name: "ui",
    description: "Open the web page of the server in the browser",
    about: `On the server's own machine, as the user that the server runs as, the page opens signed in as admin: the link is
      made over the Unix socket, is good once, and for a minute. Whoever has it first is signed in, so do not pass it on;
      on a machine with other users, print it with --no-open rather than let a browser be started with it.

      With --server or --context, the page of that server opens, and asks for a user and a password. Where no browser can
      be started, the link is printed.`,
    usage: "[flags]",
    examples: [
      ["mcpctl ui", "Open the page of the server on this machine, signed in"],
      ["mcpctl ui --no-open", "Print the link instead"],
      ["mcpctl ui --server https://llm.example.org", "Open the page of another server"],
    ],
  },
  args: {
    "no-open": { type: "boolean", description: "Print the link, and start no browser" },
  },
  async run(args, context) {
    const { terminal, env } = context;
    const { page, note } = await pageOf(context);
    if (args["no-open"] || !openBrowser(page, env)) terminal.out(`${page.href}\n`);
    else terminal.out(`opened ${page.origin} in the browser\n`);
    terminal.err(`${note}\n`);
  },
});

/** Returns the page to open, and what the user should know about it. */
async function pageOf(context: Context): Promise<{ page: URL; note: string }> {
  const { flags } = context;
  const socket = flags.server || flags.context ? undefined : await findSocket(context);
  const client = await context.client(socket === undefined ? undefined : { server: socket });
  const { url: address } = client.endpoint;
  if (!address.startsWith("unix:"))
    return { page: new URL(address), note: "sign in there with a user and a password" };
  const { url, seconds } = await client.call("POST", "/api/v1/auth/page-code", { answer: linkAnswer });
  return { page: new URL(url), note: `the link signs in as admin, once, within ${seconds} s` };
}
