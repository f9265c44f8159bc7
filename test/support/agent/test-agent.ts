import { onTestFinished } from "vitest";
import { type Agent, createAgent } from "../../../src/agent/agent.ts";
import type { SessionFile } from "../../../src/agent/session/session-file.ts";
import type { SocketConstructor } from "../../../src/agent/transports/websocket.ts";
import { systemTime, type Time } from "../../../src/time.ts";
import type { MemoryProviders } from "./memory-providers.ts";

export interface TestAgent extends Agent {
  logged: string[];
  /** Rejects when the agent stops for good. */
  running: Promise<void>;
  sessionFile: SessionFile & { providerSessionId: string | undefined };
  stop(): void;
}

export interface TestAgentOptions {
  url: string;
  providers: MemoryProviders;
  token?: () => string;
  time?: Time;
  fetch?: typeof fetch;
  WebSocket?: SocketConstructor;
  sessionId?: string;
  bootId?: string;
}

/** Starts an agent that runs until the test is over. */
export function testAgent({ url, providers, ...rest }: TestAgentOptions): TestAgent {
  const logged: string[] = [];
  const note = (message: string) => void logged.push(message);
  const sessionFile = {
    providerSessionId: rest.sessionId,
    machineId: "machine",
    keep(id: string) {
      sessionFile.providerSessionId = id;
    },
  };
  const agent = createAgent({
    endpoint: { url, token: rest.token ?? (() => "good") },
    providers,
    sessionFile,
    fetch: rest.fetch ?? fetch,
    WebSocket: rest.WebSocket ?? (WebSocket as unknown as SocketConstructor),
    time: rest.time ?? { ...systemTime, random: () => 0.02 },
    bootId: rest.bootId ?? "boot",
    log: { info: note, warn: note, error: note, success: note },
  });
  const stop = new AbortController();
  const running = agent.run(stop.signal);
  running.catch(() => {});
  onTestFinished(async () => {
    stop.abort();
    await running.catch(() => {});
  });
  return Object.assign(agent, { logged, running, sessionFile, stop: () => stop.abort() });
}
