import type { ApiClient } from "../../client/client.ts";
import type { Context } from "../../core/context.ts";
import { explained } from "../mcp/explained.ts";
import { ConsoleApp, type Tab } from "./console-app.ts";
import { ConsoleSession } from "./console-session.ts";
import { type InkUi, Redraws, showConsole } from "./ink-ui.ts";
import { LogTab } from "./log-tab.ts";
import { promptsTab } from "./prompts-tab.ts";
import { resourcesTab } from "./resources-tab.ts";
import { SessionsTab } from "./sessions-tab.ts";
import { toolsTab } from "./tools-tab.ts";
import { explainedTraffic, followTraffic } from "./traffic-feed.ts";
import { TrafficTab } from "./traffic-tab.ts";
import type { ConsoleWorld } from "./world.ts";

export interface ConsoleOptions {
  client: ApiClient;
  project: string;
  /** True to begin with everybody's messages. */
  traffic: boolean;
  revision: string | undefined;
  context: Context;
}

/** Milliseconds that the end waits for the server. */
const closeTime = 1000;

/**
 * Runs the console until it is left.
 *
 * @returns the exit code
 * @throws AppError if the project cannot be used at all; then nothing was drawn
 */
export async function runConsole(options: ConsoleOptions): Promise<number> {
  const { client, project, traffic: isTraffic, revision, context } = options;
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, context.signal]);
  const redraws = new Redraws();
  const path = `/projects/${encodeURIComponent(project)}/mcp`;
  const quit = Promise.withResolvers<number>();
  const app = new ConsoleApp({
    project,
    server: client.endpoint.url,
    onChange: () => redraws.redraw(),
    onQuit: quit.resolve,
  });
  let log: LogTab | undefined;
  const session = new ConsoleSession({
    client,
    path,
    revision,
    signal,
    now: context.now,
    onChange: () => redraws.redraw(),
    onNotification: (notification) => log?.notified(notification),
  });
  let ui: InkUi | undefined;
  try {
    if (isTraffic) await mustSeeTraffic(options, signal);
    await session.connect().catch((error) => {
      const failure = explained(error, project, signal);
      // A person may see the messages of others and not be allowed to call.
      if (!isTraffic || failure.code !== "forbidden") throw failure;
      session.refuse(`you may not run project "${project}"; its messages are all that you see`);
    });
    const world: ConsoleWorld = {
      project,
      path,
      client,
      session,
      stage: app,
      signal,
      now: context.now,
      copy: (text) => ui?.copy(text),
    };
    log = new LogTab(world);
    const traffic = new TrafficTab(world);
    app.start(world, tabsOf(world, traffic, new SessionsTab(world), log), isTraffic ? "traffic" : "tools");
    if (isTraffic) void traffic.follow();
    ui = showConsole(app, redraws, context.terminal.color);
    const stopped = () => quit.resolve(interrupted);
    context.signal.addEventListener("abort", stopped, { once: true });
    return await Promise.race([quit.promise, ui.ended.then(() => 0)]);
  } finally {
    ended.abort();
    await ui?.stop();
    await Promise.race([session.close(), Bun.sleep(closeTime)]);
  }
}

/** The exit code of SIGINT. */
const interrupted = 130;

/** Throws AppError unless the caller may see everybody's messages: better than an empty list. */
async function mustSeeTraffic({ client, project }: ConsoleOptions, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  try {
    for await (const _ of followTraffic(client, project, {
      signal: AbortSignal.any([signal, ended.signal]),
      tail: 0,
    }))
      break;
  } catch (error) {
    throw explainedTraffic(error, project);
  } finally {
    ended.abort();
  }
}

function tabsOf(world: ConsoleWorld, traffic: TrafficTab, sessions: SessionsTab, log: LogTab): Tab[] {
  const { session } = world;
  return [
    { name: "tools", count: () => session.listing.tools.length, screens: [toolsTab(world)] },
    {
      name: "resources",
      count: () => session.listing.resources.length + session.listing.resourceTemplates.length,
      screens: [resourcesTab(world)],
    },
    { name: "prompts", count: () => session.listing.prompts.length, screens: [promptsTab(world)] },
    { name: "traffic", screens: [traffic.screen()] },
    { name: "sessions", screens: [sessions.screen()], onShow: (isShown) => sessions.show(isShown) },
    { name: "log", screens: [log.screen()], onShow: (isShown) => isShown && log.show() },
  ];
}
