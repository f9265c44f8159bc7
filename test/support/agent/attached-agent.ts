import type { LocalProvider } from "../../../src/agent/core/provider.ts";
import { eventually } from "./fake-clock.ts";
import { type Call, type MemoryProvider, memoryProvider, memoryProviders } from "./memory-providers.ts";
import { type Peer, ScriptedServer } from "./scripted-server.ts";
import { type TestAgent, type TestAgentOptions, testAgent } from "./test-agent.ts";

/** Returns an offer of the server. */
export const infer = (taskId: string, more: object = {}) => ({
  event: "task" as const,
  kind: "infer" as const,
  taskId,
  attempt: 1,
  llmName: "local",
  operation: "chat" as const,
  streaming: true,
  channel: 7,
  request: { model: "local-model", stream: true },
  ...more,
});

export interface Attached {
  server: ScriptedServer;
  provider: MemoryProvider;
  providers: ReturnType<typeof memoryProviders>;
  agent: TestAgent;
  peer: Peer;
  /** Offers a task, grants it, and returns the call that it becomes. */
  call(taskId: string, more?: object): Promise<Call>;
}

export interface AttachedOptions extends Partial<TestAgentOptions> {
  transports?: string[];
  /** The newest revision of the link protocol that the server knows. */
  protocol?: number;
  server?: ScriptedServer;
  config?: Partial<LocalProvider["config"]>;
}

/** Starts an agent that publishes `local` and is attached to a scripted server. */
export async function attachedAgent(around: AttachedOptions = {}): Promise<Attached> {
  const { transports, protocol, server = new ScriptedServer(), config, ...options } = around;
  if (protocol !== undefined) server.protocol = protocol;
  if (transports) server.transports = transports;
  const provider = memoryProvider("local", config);
  const providers = memoryProviders(provider);
  const agent = testAgent({ url: server.url, providers, ...options });
  const peer = await server.peer();
  await eventually(() => agent.report().transport !== null);
  return {
    server,
    provider,
    providers,
    agent,
    peer,
    async call(taskId, more) {
      const before = provider.calls.length;
      peer.send(infer(taskId, more));
      if (peer.transport === "websocket") {
        await eventually(() => peer.messages.some((one) => one.op === "accept" && one.taskId === taskId));
        peer.send({ event: "accepted", taskId, attempt: 1, granted: true });
      }
      await eventually(() => provider.calls.length > before, `${taskId} is called`);
      return provider.calls.at(-1)!;
    },
  };
}
