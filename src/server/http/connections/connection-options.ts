import type { TrustedProxies } from "./trusted-proxies.ts";

/** Limits on connections over TCP. */
export interface ConnectionOptions {
  /** Seconds without a request after which a connection is closed; 60 if not given. */
  idleSeconds?: number;
  /** Seconds without a sign of life after which a peer has vanished; 120 if not given. */
  vanishedSeconds?: number;
  /** The most connections of one address; 0 for no limit. */
  maxPerAddress?: number;
  /** Addresses and ranges of proxies: they may have any number, and tell the address of a caller. */
  trustedProxies?: TrustedProxies;
  /** True to leave the reading of requests to `Bun.serve`, instead of this program's own code. */
  isPlain?: boolean;
}
