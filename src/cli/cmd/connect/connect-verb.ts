import { AppError } from "../../../errors.ts";
import { isName } from "../../../kinds/names.ts";
import { type Args, type CommandVerb, defineVerb, type Value } from "../../core/command.ts";
import type { Context } from "../../core/context.ts";
import { someDuration } from "../../core/globals.ts";
import type { ConnectClient, McpUse } from "./client.ts";
import { connectModels, disconnectModels } from "./connect-models.ts";
import { connectProject, disconnectProject, type ProjectOptions } from "./connect-project.ts";

/** Returns the verb that sets one client up: `mcpctl connect claude --llm NAME -p PROJECT`. */
export function connectVerb(client: ConnectClient): CommandVerb {
  const { name, title, models, mcp } = client;
  const examples: [string, string][] = [];
  if (models) examples.push([`mcpctl connect ${name} --llm gpt`, `Let ${title} use the llm gpt`]);
  if (mcp)
    examples.push([`mcpctl connect ${name} -p website`, `Let ${title} use the MCP servers of website`]);
  if (writesFiles(client))
    examples.push([
      `mcpctl connect ${name} ${models ? "--llm gpt" : "-p website"} --print`,
      "Print it, and write no file of the client",
    ]);
  examples.push([
    `mcpctl connect ${name} ${models ? "" : "-p website "}--remove`,
    writesFiles(client) ? "Take it out again, and revoke the token" : "Revoke the token",
  ]);
  return defineVerb({
    meta: {
      name,
      description: descriptionOf(client),
      about: [
        models && aboutModels(client),
        mcp && aboutMcp(title, mcp),
        writesFiles(client) ? aboutFiles : aboutNoFiles,
      ]
        .filter((text) => text !== undefined)
        .join("\n\n"),
      usage: `${[models && "[--llm NAME]", mcp && (models ? "[-p PROJECT]" : "-p PROJECT")].filter(Boolean).join(" ")} [flags]`,
      examples,
    },
    args: { ...(models && modelArgs), ...(mcp && mcpArgs), ...commonArgs },
    async run(args: Record<string, Value>, context) {
      const { llm, project } = partsOf(client, args, context);
      const common = {
        url: args["url"] as string | undefined,
        ttl: args["ttl"] === undefined ? undefined : someDuration("--ttl", args["ttl"] as string),
        isPrinted: args["print"] === true || args["stdout"] === true,
        isTested: args["skip-test"] !== true,
      };
      const withProject = project && mcp ? { ...client, mcp } : undefined;
      const options = withProject && { ...projectOptions(title, mcp!, args, project!), ...common };
      if (args["remove"]) {
        if (llm !== false) await disconnectModels(client, context);
        if (withProject) await disconnectProject(withProject, options!, context);
        return;
      }
      if (llm !== false && models) await connectModels({ ...client, models }, { llm, ...common }, context);
      if (withProject) await connectProject(withProject, options!, context);
    },
  });
}

const commonArgs = {
  url: { type: "string", valueHint: "URL", description: "The address of the server for the client" },
  ttl: {
    type: "string",
    valueHint: "TIME",
    description: "Let the token expire: 30d. Run it again to renew it",
  },
  "skip-test": { type: "boolean", description: "Make no call to see that it works" },
  print: { type: "boolean", description: "Print the settings, and write no file of the client" },
  stdout: { type: "boolean", hidden: true, description: "The name of --print in earlier versions" },
  remove: { type: "boolean", description: "Take the settings out again, and revoke the token" },
} as const satisfies Args;

const modelArgs = {
  llm: {
    type: "string",
    valueHint: "NAME",
    description: "The llm, pool or persona that it uses (default: the only one that you may run)",
    complete: { kind: "llm" },
  },
} as const satisfies Args;

const mcpArgs = {
  name: { type: "string", valueHint: "NAME", description: "The name of the entry (default: the project)" },
  user: {
    type: "boolean",
    description: "Write the project's entry into the file that counts in all folders",
  },
  program: { type: "boolean", description: 'Let the client start "mcpctl mcp" instead of calling the URL' },
  "token-env": {
    type: "string",
    valueHint: "VARIABLE",
    description: "Make no token for the project: the client reads it from this variable of its environment",
  },
} as const satisfies Args;

const aboutToken = `The token may run what was named, and nothing else. One short call is made with it first.`;

const aboutFiles = `${aboutToken} The old file stays beside the new one, with .mcpctl-backup at its end; all else in it stays as it
  is, comments too. Running it again changes nothing, or renews what has expired. --remove takes out exactly that again,
  and revokes the token.`;

const aboutNoFiles = `${aboutToken} It is in a file of its own in ~/.mcpctl/tokens that only you can read. Running it again
  makes no other token, unless that one is near its end. --remove revokes it.`;

/** True if something is written into files that a client reads. */
function writesFiles({ models, mcp }: ConnectClient): boolean {
  return models?.files !== undefined || mcp !== undefined;
}

function descriptionOf({ title, models, mcp }: ConnectClient): string {
  if (!mcp) return `Let ${title} use a model of the server`;
  return models
    ? `Let ${title} use a model, and the MCP servers of a project`
    : `Let ${title} use the MCP servers of a project`;
}

function aboutModels({ title, models }: ConnectClient): string {
  if (!models?.files) return `With --llm it prints how to let ${title} use the model.`;
  return models.snippet
    ? `With --llm it writes settings for ${title} into a file, and prints the command that uses them.`
    : `With --llm it writes the settings of ${title} that count in all folders.`;
}

function aboutMcp(title: string, { folderFiles, tokens }: McpUse): string {
  const where = folderFiles.length > 0 ? `${folderFiles[0]} of this folder` : "its own file";
  const way = tokens.includes("file")
    ? "The client calls the project's URL and reads the token from its file"
    : 'The client cannot read a file over HTTP, so it starts "mcpctl mcp", which does';
  return `With -p it writes an entry for the project into ${where}, without a token in it: the token is in a file of its own
    in ~/.mcpctl/tokens that only you can read. ${way}. ${title} keeps its model, unless --llm is there too.`;
}

/** Returns what is connected: an llm, of which undefined is the only one and false none, and a project. */
function partsOf(
  { name, title, models, mcp }: ConnectClient,
  args: Record<string, Value>,
  { flags: { project } }: Context,
): { llm: string | undefined | false; project: string | undefined } {
  const llm = args["llm"] as string | undefined;
  if (project !== undefined && !mcp)
    throw new AppError("usage", `${title} has no settings for the MCP servers of a project`, {
      hint: `programs call /projects/${project}/mcp at the server, with a token: mcpctl create token NAME --bind role:run,resource:projects,name:${project}`,
    });
  if (project !== undefined && !isName(project))
    throw new AppError("usage", `"${project}" cannot be the name of a project`);
  if (llm !== undefined && llm.trim() === "") throw new AppError("usage", "--llm needs a name");
  if (!models && project === undefined)
    throw new AppError("usage", "a project is required: -p NAME", {
      hint: "to see them: mcpctl get projects",
    });
  const needsProject = (mcp ? Object.keys(mcpArgs) : []).find((flag) => args[flag]);
  if (project === undefined && needsProject !== undefined)
    throw new AppError("usage", `--${needsProject} is for the MCP servers of a project: -p NAME is missing`, {
      hint: `for help: mcpctl connect ${name} --help`,
    });
  return { llm: models && (llm !== undefined || project === undefined) ? llm : false, project };
}

function projectOptions(
  title: string,
  { nameFault }: McpUse,
  args: Record<string, Value>,
  project: string,
): Omit<ProjectOptions, "url" | "ttl" | "isPrinted" | "isTested"> {
  const name = (args["name"] as string | undefined) ?? project;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name))
    throw new AppError("usage", `--name ${name}: clients accept letters, digits, _ and -, at most 64`);
  const fault = nameFault?.(name);
  if (fault !== undefined)
    throw new AppError("usage", `${title} does not take "${name}": ${fault}`, {
      hint: "choose another name for the entry: --name NAME",
    });
  const variable = args["token-env"] as string | undefined;
  if (variable !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable))
    throw new AppError(
      "usage",
      `--token-env ${variable}: write the name of a variable, such as MCPCTL_TOKEN`,
    );
  if (variable !== undefined && args["program"])
    throw new AppError("usage", "--token-env goes neither with --program nor with --token-file");
  return { project, name, isForUser: args["user"] === true, isProgram: args["program"] === true, variable };
}
