import type { Log } from "../../log.ts";
import type { RequestHandler } from "../../wire/incoming-request.ts";
import { type Component, within } from "../core/lifecycle.ts";
import type { Pulse } from "../core/pulse.ts";
import { type AppOptions, allRoutes, createApp } from "./app.ts";
import { ConnectionLimiter } from "./connections/connection-limiter.ts";
import type { ConnectionOptions } from "./connections/connection-options.ts";
import type { TrustedProxies } from "./connections/trusted-proxies.ts";
import { listenTcp, listenUnix } from "./listen.ts";
import type { TcpListener, TcpOptions } from "./listener.ts";
import type { Listeners } from "./listeners.ts";
import type { Server } from "./server.ts";

export interface HttpOptions {
  server: Server;
  listeners: Listeners;
  /** Port 0 takes a free one. */
  listen: TcpOptions;
  /** Listens on TCP; `listenTcp` if not given. */
  openTcp?: ((options: TcpOptions, handle: RequestHandler) => Promise<TcpListener>) | undefined;
  connections: ConnectionOptions;
  proxies: TrustedProxies;
  log: Log;
  pulse: Pulse;
  /** A monotonic clock, in milliseconds. */
  elapsed(): number;
  /** The path of the Unix socket, where there is one. */
  socketPath: string | undefined;
  app: Omit<AppOptions, "peer">;
}

/** Milliseconds that streams have to send their last frames when they are ended. */
const lastFramesTimeout = 1000;

/** The listeners, and the responses that are being sent. */
export function httpComponent(options: HttpOptions): Component {
  const { server, listeners, listen, openTcp = listenTcp } = options;
  const { socketPath, app, connections, proxies, log, pulse, elapsed } = options;
  const { metrics, streams } = server;
  let idle: Promise<void> | undefined;
  return {
    name: "http",
    async start() {
      metrics.gauge("mcpctl_open_streams", "Answers that are being sent", () => streams.size);
      try {
        const routes = allRoutes(server);
        const tcp = await openTcp(listen, createApp(server, routes, { ...app, peer: "tcp" }));
        listeners.addTcp(tcp);
        listeners.limiter = ConnectionLimiter.open({
          port: tcp.port,
          maxPerAddress: connections.maxPerAddress,
          vanishedSeconds: connections.vanishedSeconds,
          // Programs of this machine, and proxies, speak for many.
          isExempt: (address) => /^127\.|^(0:){7}1$/.test(address) || proxies.has(address),
          busyPorts: tcp.busyPorts,
          openPorts: tcp.openPorts,
          idleSeconds: connections.idleSeconds,
          pulse,
          gauges: metrics,
          log,
          elapsed,
        });
        if (socketPath)
          listeners.addUnix(
            await listenUnix(socketPath, createApp(server, routes, { ...app, peer: "unix" })),
          );
      } catch (error) {
        // A listener that is left open would keep the process alive.
        await listeners.close();
        throw error;
      }
    },
    drain() {
      listeners.limiter?.close();
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
