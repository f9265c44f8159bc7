import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createToken, type Installation, type Mcpctl } from "../mcpctl.ts";
import { descendantsOf, statOf } from "../process-tree.ts";
import type { Client } from "./client.ts";
import { isGated, type McpScenarioName, mcpContents, type ToolCall } from "./model.ts";

/** The projects that every client uses: one passes everything on as it is, one has a gate and a rule. */
const plain = "orchard";
const gated = "grove";
const tokenVariable = "ORCHARD_TOKEN";

/** The start of the servers downloads their packages, in milliseconds. */
const startTimeout = 180_000;

/** A client's files and environment, and the calls that its model makes. */
export interface McpSetup {
  env: Record<string, string>;
  calls: Omit<ToolCall, "id">[];
  search?: Omit<ToolCall, "id"> | undefined;
  /** The call with which a model begins where its client shows nothing else. */
  begin?: Omit<ToolCall, "id"> | undefined;
}

/** A project with two MCP servers: both are programs of npm, made from templates. */
export class McpProject {
  readonly #installation: Installation;
  readonly #server: Mcpctl;
  readonly #rights: object[];
  /** Number of the next token. An open gate is remembered for a token, so each run has one of its own. */
  #nextToken = 1;
  readonly #file: string;

  private constructor(installation: Installation, server: Mcpctl, rights: object[], file: string) {
    this.#installation = installation;
    this.#server = server;
    this.#rights = rights;
    this.#file = file;
  }

  /**
   * Makes the project as a user does, and returns when both servers have listed their tools.
   *
   * @param folder the folder that the file server may read
   */
  static async open(installation: Installation, server: Mcpctl, folder: string): Promise<McpProject> {
    const file = join(folder, "harvest.txt");
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, mcpContents.file);
    const run = (...args: string[]) => installation.run(...args);
    await run("create", "server", "everything", "--from-template", "everything");
    await run("create", "server", "files", "--from-template", "filesystem", "--set", `FOLDER=${folder}`);
    for (const [project, model] of [
      [plain, "none"],
      [gated, "gate"],
    ] as const) {
      await run("create", "project", project, "--proxy-model", model);
      for (const name of ["everything", "files"]) await run("attach-server", name, "-p", project);
    }
    await run("create", "prompt", "rules", "-p", gated, "--priority", "10", "--content", mcpContents.rule);
    const timeout = `${startTimeout / 1000}s`;
    await run("wait", "server/everything", "server/files", "--for=status=ready", "--timeout", timeout);
    const rights = [plain, gated].map((name) => ({ role: "run", resource: "projects", name }));
    return new McpProject(installation, server, rights, file);
  }

  /** Lets `mcpctl config` write the client's file. */
  async setUp(
    { mcp }: Client,
    scenario: McpScenarioName,
    { home, work, url }: { home: string; work: string; url: string },
  ): Promise<McpSetup> {
    if (!mcp) throw new Error("the client has no file that mcpctl config writes");
    const project = isGated(scenario) ? gated : plain;
    const how = scenario.endsWith("-program")
      ? ["--program"]
      : mcp.readsFile
        ? []
        : ["--token-env", tokenVariable];
    const words = ["config", mcp.config, "-p", project, "--url", url, ...how];
    await this.#installation.runIn({ home, cwd: work }, ...words);
    const inputs = {
      echo: { message: mcpContents.message.replace("Echo: ", "") },
      read_text_file: { path: this.#file },
    };
    const calls = Object.entries(inputs).map(([tool, input]) => mcp.call(project, tool, input));
    const search = mcp.search?.(project, Object.keys(inputs));
    const begin = isGated(scenario)
      ? mcp.call(project, "begin_session", { task: "Look after the harvest" })
      : undefined;
    const token = await createToken(this.#server, `orchard-${this.#nextToken++}`, this.#rights);
    return { env: { [tokenVariable]: token }, calls, search, begin };
  }

  /**
   * Returns a function that tells which calls the audit has from now on, and undefined if they are the two. With a gate, one
   * call of begin_session may come before them.
   */
  async watchAudit(scenario: McpScenarioName): Promise<() => Promise<string | undefined>> {
    const before = (await this.#calls()).length;
    return async () => {
      const calls = (await this.#calls()).slice(before);
      const ofGate = calls.filter(({ detail }) => detail.server === undefined);
      if (ofGate.length > (isGated(scenario) ? 1 : 0))
        return `the audit has ${ofGate.length} calls of the gate: ${ofGate.map(({ detail }) => detail.tool)}`;
      const found = calls
        .filter(({ detail }) => detail.server !== undefined)
        .map(({ status, detail }) => `${detail.server} ${detail.tool} ${status}`)
        .toSorted()
        .join(", ");
      const expected = "everything echo 200, files read_text_file 200";
      return found === expected ? undefined : `the audit has these calls: ${found || "none"}`;
    };
  }

  async #calls(): Promise<CallEvent[]> {
    const response = await fetch("http://localhost/api/v1/audit?action=mcp_call&limit=1000", {
      unix: this.#server.socket,
    });
    return ((await response.json()) as CallEvent[]).toReversed();
  }

  /** Stops the server. Returns the processes that are left of it, or undefined. */
  async stop(): Promise<string | undefined> {
    const started = descendantsOf(this.#server.pid).map(programOf);
    await this.#server.stop();
    if (started.length === 0) return "the MCP servers had no process";
    const left = () => started.filter(({ pid, birth }) => birthOf(pid) === birth);
    // The kernel takes a moment to remove the processes of a namespace that has ended.
    for (let i = 0; i < 20 && left().length > 0; i++) await Bun.sleep(50);
    const texts = left().map(({ pid, command }) => `${pid} ${command}`);
    return texts.length === 0 ? undefined : `left after the stop: ${texts.join(", ")}`;
  }
}

interface CallEvent {
  status: number;
  detail: { server?: string; tool: string };
}

interface Program {
  pid: number;
  command: string;
  /** Start of the process in ticks since the boot: a pid may be used again. */
  birth: string | undefined;
}

function programOf(pid: number): Program {
  return { pid, command: commandOf(pid), birth: birthOf(pid) };
}

function birthOf(pid: number): string | undefined {
  const fields = statOf(pid);
  // One that has ended stays in the list until its parent looks.
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").slice(0, 100);
  } catch {
    return "";
  }
}
