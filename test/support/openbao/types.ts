/** An answer of OpenBao's API. */
export interface BaoAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

/** Calls the API below `/v1/`: `call("POST", "sys/mounts/kv", {...})`. With the root token when no other is given. */
export type BaoCall = (
  method: string,
  path: string,
  body?: unknown,
  options?: { token?: string; namespace?: string; headers?: Record<string, string> },
) => Promise<BaoAnswer>;

/** An OpenBao to test against, the real one or the one in this folder, with an engine of the test's own in it. */
export interface TestBao {
  /** `http://127.0.0.1:41234`. */
  url: string;
  /** A token that may do everything. */
  token: string;
  /** A KV version 2 engine that nobody else uses. */
  mount: string;
  call: BaoCall;
}

/** One request, as the server got it. */
export interface BaoRequest {
  method: string;
  /** Path and query as they were sent: `/v1/secret/data/mcpctl/sec_1/ver_1`. */
  path: string;
  headers: Record<string, string>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at whatever came
  body: any;
}

/** What can be done to the one in this folder, and not to a real one that others use. */
export interface FakeBao extends TestBao {
  /** Every request, in order. */
  readonly requests: BaoRequest[];
  seal(): void;
  unseal(): void;
  /** Milliseconds that are added to every answer. */
  delay: number;
  /**
   * Decides about each request before it is handled, `after` when it has been and before it is answered: a response
   * is sent in the place of the real one, "drop" closes the connection without an answer.
   */
  before:
    | ((request: BaoRequest) => Response | "drop" | undefined | Promise<Response | "drop" | undefined>)
    | undefined;
  after:
    | ((request: BaoRequest) => Response | "drop" | undefined | Promise<Response | "drop" | undefined>)
    | undefined;
  /** Moves its clock, which TTLs and `delete_version_after` go by. */
  advance(milliseconds: number): void;
  /** Stops listening, as if the machine were off; and comes back on the same port with all it had. */
  stop(): Promise<void>;
  start(): Promise<void>;
}
