import type { Throttle } from "../core/access/throttle.ts";
import type { Catalogue } from "../core/catalogue/catalogue.ts";
import type { Resources } from "../core/catalogue/resources.ts";
import type { Deadlines } from "../core/deadlines.ts";
import type { Random } from "../core/ids.ts";
import type { OpenStreams } from "../core/open-streams.ts";
import type { SocketHandler } from "../core/socket-handler.ts";
import type { Inference } from "../inference/inference.ts";
import type { Threads } from "../inference/threads/threads.ts";
import type { Audit } from "../observability/audit.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { SecretServices } from "../secrets/open.ts";
import type { ProviderSessions } from "../workstations/provider-sessions.ts";
import type { Workstations } from "../workstations/workstations.ts";
import type { Peer } from "./route.ts";

/** What routes work with. */
export interface Server extends SecretServices {
  catalogue: Catalogue;
  resources: Resources;
  inference: Inference;
  /** Agents' sessions. */
  sessions: ProviderSessions;
  /** Agents that are attached. */
  workstations: Workstations;
  audit: Audit;
  metrics: Metrics;
  streams: OpenStreams;
  threads: Threads;
  deadlines: Deadlines;
  throttle: Throttle;
  now(): number;
  random: Random;
  /** Whether `/metrics` is for everybody. */
  metricsPublic: boolean;
  /** Why the server should not be sent requests now; empty when it should. */
  unready(): Promise<string[]>;
  /** Where a request over TCP comes from, while its caller is there. */
  addressOf(request: Request): string | undefined;
  /**
   * Makes a request a WebSocket, which opens before this returns.
   *
   * @param headers of the answer
   * @returns false when it is none that can become one
   */
  upgrade(request: Request, peer: Peer, handler: SocketHandler, headers: Record<string, string>): boolean;
}
