import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { defineVerb } from "../../cli/core/command.ts";
import type { Context } from "../../cli/core/context.ts";
import { AppError } from "../../errors.ts";
import { type Installation, install, uninstall } from "../install/install.ts";
import { systemctlOf } from "../install/systemctl.ts";
import { unitPath, unitText } from "../install/unit.ts";

/** `mcpctl agent install` runs the agent as a systemd service of the user. */
export const installVerb = defineVerb({
  meta: {
    name: "install",
    description: "Run the agent as a systemd service of your user",
    about: `Writes ~/.config/systemd/user/mcpctl-agent.service, enables it and starts it. The unit runs this program and
      holds no token: the agent uses your config and login. The service runs while you are logged in, and always
      after "loginctl enable-linger".`,
    usage: "[--no-start] [--force]",
    examples: [
      ["mcpctl agent install", "Write the unit, and start it now and at each login"],
      ["loginctl enable-linger", "Keep it running while you are not logged in"],
    ],
  },
  args: {
    "no-start": { type: "boolean", description: "Write the unit, and do not start it" },
    force: { type: "boolean", description: "Replace a unit that mcpctl did not write" },
  },
  async run(args, context) {
    const installation = installationOf(context);
    const { env, cwd } = context;
    const home = env["MCPCTL_HOME"];
    const text = unitText({ command: ownCommand(), ...(home && { home: resolve(cwd, home) }) });
    const start = !args["no-start"];
    for (const name of ["MCPCTL_SERVER", "MCPCTL_TOKEN"])
      if (env[name])
        installation.print(`${name} is set in this shell only: the service uses config.json and the login`);
    const done = await install(text, installation, { force: args.force, start });
    if (!lingers())
      installation.print(
        "it runs while you are logged in; to keep it running always: loginctl enable-linger",
      );
    return done ? 0 : 1;
  },
});

/** `mcpctl agent uninstall` removes the service. */
export const uninstallVerb = defineVerb({
  meta: {
    name: "uninstall",
    description: "Stop the agent's service and remove its unit",
    about: `The config and the login stay as they are.`,
    usage: "",
    examples: [["mcpctl agent uninstall", "Undo install"]],
  },
  async run(_, context) {
    return (await uninstall(installationOf(context))) ? 0 : 1;
  },
});

function installationOf({ env, terminal }: Context): Installation {
  if (process.platform !== "linux") throw notHere(process.platform);
  const path = unitPath(env);
  if (!path) throw new AppError("invalid_request", "HOME is not set: the folder for the unit is unknown");
  return {
    path,
    systemctl: systemctlOf(env),
    print: (line) => terminal.out(`${line}\n`),
    warn: (line) => terminal.err(`warning: ${line.replaceAll("\n", "\n  ")}\n`),
  };
}

/** Returns the error for a system without systemd, with a hint on what to do by hand. */
export function notHere(platform: string): AppError {
  const hint =
    platform === "darwin"
      ? 'create a LaunchAgent in ~/Library/LaunchAgents that runs "mcpctl agent" (RunAtLoad, KeepAlive), and load it with launchctl bootstrap gui/$UID FILE'
      : 'create a task in the Task Scheduler that runs "mcpctl agent" at log on';
  return new AppError("not_supported", "services can be installed under systemd only", { hint });
}

/** Returns the command that starts this program: the compiled file, or the runtime with the source. */
function ownCommand(): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath] : [process.execPath, Bun.main];
}

function lingers(): boolean {
  return existsSync(join("/var/lib/systemd/linger", userInfo().username));
}
