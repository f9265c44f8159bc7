import { type Component, within } from "../core/lifecycle.ts";
import { type AppOptions, createApp } from "./app.ts";
import { listenTcp, listenUnix, type TcpOptions } from "./listen.ts";
import type { Listeners } from "./listeners.ts";
import type { Server } from "./server.ts";

export interface HttpOptions {
  server: Server;
  listeners: Listeners;
  /** Port 0 takes a free one. */
  listen: TcpOptions;
  /** The path of the Unix socket, where there is one. */
  socketPath: string | undefined;
  app: Omit<AppOptions, "peer">;
}

/** Milliseconds that streams have to send their last frames when they are ended. */
const lastFramesTimeout = 1000;

/** The listeners, and the responses that are being sent. */
export function httpComponent(options: HttpOptions): Component {
  const { server, listeners, listen, socketPath, app } = options;
  const { metrics, streams } = server;
  let idle: Promise<void> | undefined;
  return {
    name: "http",
    async start() {
      metrics.gauge("mcpctl_open_streams", "Answers that are being sent", () => streams.size);
      try {
        listeners.add("tcp", listenTcp(listen, createApp(server, { ...app, peer: "tcp" })));
        if (socketPath)
          listeners.add("unix", await listenUnix(socketPath, createApp(server, { ...app, peer: "unix" })));
      } catch (error) {
        // A listener that is left open would keep the process alive.
        await listeners.close();
        throw error;
      }
    },
    drain() {
      idle = listeners.drain();
      streams.closeEndless();
      return idle;
    },
    async close() {
      streams.close();
      if (idle) await within(lastFramesTimeout, idle);
      await listeners.close();
    },
  };
}
