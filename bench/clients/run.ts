import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Client, Job } from "./client.ts";
import type { Front } from "./front.ts";
import type { McpProject } from "./mcp.ts";
import {
  contents,
  expectedOf,
  isMcp,
  type McpScenarioName,
  Play,
  questionsOf,
  type ScenarioName,
} from "./model.ts";
import type { Provider } from "./provider.ts";

/** The longest that one run of a program may take, in milliseconds. A loaded machine makes it slow, not wrong. */
const timeout = 300_000;

/** A picture of one red pixel. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

export interface Setting {
  client: Client;
  scenario: ScenarioName;
  /** Folder of the installed programs. */
  bin: string;
  /** A folder of this run alone. */
  folder: string;
  front: Front;
  token: string;
  model: string;
  other: string;
  /** The provider of `model` first, then the one of `other`. */
  providers: readonly [Provider, Provider];
  /** For the scenarios with MCP servers. */
  project?: McpProject | undefined;
}

/** Runs a client through a scenario. Returns what went wrong, or undefined. */
export async function runScenario(setting: Setting): Promise<string | undefined> {
  const { client, scenario, bin, folder, front, providers, model, other } = setting;
  const home = join(folder, "home");
  const work = join(folder, "work");
  mkdirSync(home, { recursive: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "a.txt"), contents[0]);
  writeFileSync(join(work, "b.txt"), contents[1]);
  writeFileSync(join(work, "picture.png"), Buffer.from(png, "base64"));
  const base = { scenario, other, url: front.url, token: setting.token, home, work };
  const first = { ...base, model, question: "", nth: 0 };
  for (const [path, text] of Object.entries(client.files?.(first) ?? {})) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }
  const files = scenario === "image" ? ["picture.png"] : ["a.txt", "b.txt"];
  const mcp = isMcp(scenario) ? await setting.project!.setUp(client, scenario, first) : undefined;
  const auditFault = mcp && (await setting.project!.watchAudit(scenario as McpScenarioName));
  const calls = mcp?.calls ?? files.flatMap((file) => client.read?.(first, file) ?? []);
  const play = new Play(scenario, calls, mcp?.search, mcp?.begin);
  for (const provider of providers) provider.play = play;
  front.exchanges.length = 0;
  front.dropsSessions = scenario === "mcp-gated-lossy";

  let output = "";
  // A library keeps the conversation in one program.
  const questions = client.program ? questionsOf(scenario).slice(0, 1) : questionsOf(scenario);
  for (const [nth, question] of questions.entries()) {
    const job: Job = { ...base, question, nth, model: nth === 0 ? model : other };
    output = await runProgram(client, job, bin, mcp?.env ?? {}, scenario === "cancel" ? play : undefined);
  }
  for (const provider of providers) provider.play = undefined;
  if (scenario === "cancel") {
    const left = await Promise.race([play.left.promise, Bun.sleep(3000).then(() => "late")]);
    return left === "late" ? reasonOf(setting, play, "the provider was not left") : undefined;
  }
  const expected = scenario === "overflow" && client.onOverflow ? [client.onOverflow] : expectedOf(scenario);
  const faultOfAudit = await auditFault?.();
  if (faultOfAudit !== undefined) play.faults.push(faultOfAudit);
  const missing = expected.filter((word) => !output.includes(word));
  if (missing.length === 0 && play.faults.length === 0) return undefined;
  return reasonOf(setting, play, output.trim().split("\n").slice(-3).join(" "));
}

/** Runs a program once. Where it is to be cancelled, it is interrupted as soon as the provider sends its answer. */
async function runProgram(
  client: Client,
  job: Job,
  bin: string,
  env: Record<string, string>,
  cancelled?: Play,
): Promise<string> {
  const { home, work } = job;
  const [word = "", ...words] = client.command(job);
  let command = [word === "node" ? word : join(bin, word), ...words];
  if (client.program) {
    const programs = join(import.meta.dirname, "programs");
    // A module finds its packages from the folder that it is in.
    const beside = join(bin, client.program.endsWith(".py") ? "." : "../..");
    for (const file of [client.program, `read${client.program.endsWith(".py") ? "_file.py" : "-file.mjs"}`])
      copyFileSync(join(programs, file), join(beside, file));
    command = command.map((part) => (part === client.program ? join(beside, part) : part));
  }
  const child = Bun.spawn(command, {
    cwd: work,
    env: { PATH: process.env["PATH"] ?? "", HOME: home, LANG: "C.UTF-8", ...client.env?.(job), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // Some programs are several processes: a signal goes to all of them, as that of a terminal does.
    detached: true,
  });
  const signal = (name: "SIGINT" | "SIGKILL") => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // All of them have ended.
    }
  };
  const late = setTimeout(() => signal("SIGKILL"), timeout);
  const texts = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if (cancelled && !client.program) {
    await Promise.race([cancelled.begun.promise, child.exited]);
    signal("SIGINT");
    await Promise.race([cancelled.left.promise, child.exited, Bun.sleep(5000)]);
    signal("SIGKILL");
  }
  await child.exited;
  clearTimeout(late);
  return (await texts).join("\n");
}

function reasonOf({ front }: Setting, play: Play, otherwise: string): string {
  const error = front.exchanges.find(({ status }) => status >= 400);
  const told = error ? `${error.method} ${error.path} → ${error.status} ${error.error}` : "";
  return [...play.faults, told || otherwise].filter(Boolean).join("; ");
}
