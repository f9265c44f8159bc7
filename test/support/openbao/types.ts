/** A response of OpenBao's API. */
export interface BaoResponse {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

/** Calls the API below `/v1/`: `call("POST", "sys/mounts/kv", {...})`. The default token is the root token. */
export type BaoCall = (
  method: string,
  path: string,
  body?: unknown,
  options?: { token?: string; namespace?: string; headers?: Record<string, string> },
) => Promise<BaoResponse>;

/** An OpenBao for a test, real or fake, with an engine for this test alone. */
export interface TestBao {
  /** `http://127.0.0.1:41234`. */
  url: string;
  /** The root token. */
  token: string;
  /** A KV version 2 engine that no other test uses. */
  mount: string;
  call: BaoCall;
}

/** A request, as the server received it. */
export interface BaoRequest {
  method: string;
  /** Path and query as they were sent: `/v1/secret/data/mcpctl/sec_1/ver_1`. */
  path: string;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

/** A fake OpenBao, with controls that a real one, which others use, does not have. */
export interface FakeBao extends TestBao {
  /** Every request, in order. */
  readonly requests: BaoRequest[];
  seal(): void;
  unseal(): void;
  /** Delay of every response, in milliseconds. */
  delay: number;
  /**
   * Is called with each request: `before` it is handled, or `after` that and before the response. A response that it
   * returns replaces the real one; "drop" closes the connection without a response.
   */
  before:
    | ((request: BaoRequest) => Response | "drop" | undefined | Promise<Response | "drop" | undefined>)
    | undefined;
  after:
    | ((request: BaoRequest) => Response | "drop" | undefined | Promise<Response | "drop" | undefined>)
    | undefined;
  /** Advances its clock, which TTLs and `delete_version_after` use. */
  advance(milliseconds: number): void;
  /** Stops listening, like a machine that is off. `start` listens again on the same port, with the same data. */
  stop(): Promise<void>;
  start(): Promise<void>;
}
