import type { Throttle } from "../access/throttle.ts";
import type { Audit } from "../audit.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Resources } from "../catalogue/resources.ts";
import type { Deadlines } from "../deadlines.ts";
import type { Random } from "../ids.ts";
import type { Inference } from "../inference/inference.ts";
import type { Metrics } from "../metrics.ts";
import type { OpenStreams } from "../open-streams.ts";
import type { SecretServices } from "../secrets/open.ts";

/** What routes work with. */
export interface Server extends SecretServices {
  catalogue: Catalogue;
  resources: Resources;
  inference: Inference;
  audit: Audit;
  metrics: Metrics;
  streams: OpenStreams;
  deadlines: Deadlines;
  throttle: Throttle;
  now(): number;
  random: Random;
  /** Whether `/metrics` is for everybody. */
  metricsPublic: boolean;
  /** Why the server should not be sent requests now; empty when it should. */
  unready(): Promise<string[]>;
  /** Whether a URL leads to this server itself. */
  isSelf(url: URL): boolean;
  /** Where a request over TCP comes from, while its caller is there. */
  addressOf(request: Request): string | undefined;
}
