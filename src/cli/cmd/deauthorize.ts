import { anything } from "../client/answers.ts";
import { defineVerb } from "../core/command.ts";
import { resultFormat, resultFormats, verbResultText } from "../manifest/write-result.ts";
import { accessPath, withCalledName } from "./authorize/access.ts";
import { serverIn } from "./authorize.ts";

/** `mcpctl deauthorize server NAME` */
export const deauthorize = defineVerb({
  meta: {
    name: "deauthorize",
    description: "Take back the access that was given to an MCP server",
    about: `Deletes the tokens that "mcpctl authorize server NAME" got, takes them back at the authorization server where it
      offers that, and ends the connections that used them. For a server with "sharing: shared" that is the access of everybody, and needs
      edit on the server; otherwise it is your own.`,
    usage: "server NAME",
    examples: [["mcpctl deauthorize server notion", "Forget the access to the server notion"]],
  },
  output: resultFormats,
  args: {
    kind: { type: "positional", description: "server, or server/NAME", complete: ["server"] },
    name: { type: "positional", required: false, description: "The name", complete: { kind: "server" } },
  },
  async run(args, context) {
    const { terminal } = context;
    const { name } = serverIn(args.kind, args.name, "deauthorize");
    const format = resultFormat(context.flags);
    const client = await context.client();
    await client.call("DELETE", accessPath(name), { answer: anything }).catch(async (error) => {
      throw await withCalledName(error, name, client);
    });
    const line = `server '${name}' deauthorized`;
    terminal.out(verbResultText(format, { data: { deauthorized: name }, name: `server/${name}`, line }));
  },
});
