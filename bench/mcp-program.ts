/**
 * An MCP server that repeats what it is sent, with the faults that a caller asks for. Takes `ProgramOptions` as JSON in its
 * only argument. With a port it speaks streamable HTTP, otherwise through its standard input and output.
 */
export interface ProgramOptions {
  /** `modern`: also in revisions that begin with `initialize`. */
  era: "legacy" | "modern";
  /** Names of its tools, which all do the same. */
  tools: readonly string[];
  port?: number;
  /** A text by which its processes are found. */
  mark?: string;
}

/** The arguments of a call. */
export interface ProgramCall {
  /** The text of the result. */
  nonce: string;
  fault?: ProgramFault;
  /** Time before the answer. */
  milliseconds?: number;
  /** Is passed over, to make the request large. */
  padding?: string;
}

/**
 * - `hang`: there is no answer
 * - `twice`: a second answer of the same id, with another text
 * - `garbage`: lines or events that are no messages, and answers that nobody waits for, before the answer
 * - `exit`: the program ends in the middle of the answer
 * - `freeze`: the program does not run any more, and reads nothing
 */
export type ProgramFault = "hang" | "twice" | "garbage" | "exit" | "freeze";

interface Incoming {
  id?: number | string;
  method?: string;
  params?: { arguments?: ProgramCall; _meta?: { progressToken?: unknown } };
}

/** Writes one message; what is no message is written as it is. */
type Write = (message: object | string) => void;

const options = JSON.parse(process.argv[2]!) as ProgramOptions;
const facts = { capabilities: { tools: {} }, serverInfo: { name: "bench", version: "1.0.0" } };
const schema = { type: "object", properties: { nonce: { type: "string" } } };
const tools = options.tools.map((name, i) => ({
  name,
  description: `Return the nonce (${i})`,
  inputSchema: schema,
  // Every second one may be called again after a failure.
  annotations: { readOnlyHint: i % 2 === 1 },
}));

/** Answers all methods but `tools/call`. */
function resultOf(method: string): object | undefined {
  if (method === "tools/list") return { tools };
  if (method === "ping") return {};
  if (method === "initialize") return { protocolVersion: "2025-11-25", ...facts };
  return method === "server/discover" && options.era === "modern"
    ? { supportedVersions: ["2026-07-28"], ...facts }
    : undefined;
}

/** @param end closes the connection of one answer, or ends the program, in the middle of it */
async function answer({ id, method = "", params }: Incoming, write: Write, end: () => void): Promise<void> {
  if (id === undefined) return;
  if (method !== "tools/call") {
    const result = resultOf(method);
    const error = { code: -32_601, message: "there is no such method" };
    return write({ jsonrpc: "2.0", id, ...(result ? { result } : { error }) });
  }
  const { nonce = "", fault, milliseconds } = params?.arguments ?? {};
  const { progressToken } = params?._meta ?? {};
  const said = (text: string) => ({
    jsonrpc: "2.0",
    id,
    result: { resultType: "complete", content: [{ type: "text", text }] },
  });
  if (progressToken !== undefined)
    write({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken, progress: 1, message: nonce },
    });
  if (milliseconds !== undefined) await Bun.sleep(milliseconds);
  if (fault === "freeze") return void process.kill(process.pid, "SIGSTOP");
  if (fault === "hang") return;
  if (fault === "garbage") {
    write("Server is running");
    write('{"jsonrpc":"2.0","id":');
    write("\u0000\ufffd\u001b[31m");
    write({ jsonrpc: "2.0", id: 999_999_999, result: { content: [{ type: "text", text: "nobody's" }] } });
    write({ jsonrpc: "2.0", id: null, error: { code: -32_700, message: "cannot read" } });
  }
  if (fault === "exit") {
    write(JSON.stringify(said(nonce)).slice(0, 40));
    return end();
  }
  write(said(nonce));
  if (fault === "twice") write(said("a second answer"));
}

function speakStdio(): void {
  const write: Write = (message) =>
    void process.stdout.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`);
  let rest = "";
  process.stdin.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) void answer(JSON.parse(line), write, () => process.exit(3));
  });
  process.stdin.on("end", () => process.exit());
}

function speakHttp(port: number): void {
  const encoder = new TextEncoder();
  let sessions = 0;
  const { era } = options;
  Bun.serve({
    hostname: "127.0.0.1",
    port,
    idleTimeout: 0,
    async fetch(request) {
      if (request.method !== "POST") return new Response(null, { status: 405 });
      const message = (await request.json()) as Incoming;
      if (message.id === undefined) return new Response(null, { status: 202 });
      if (message.params?.arguments?.fault === undefined && !message.params?._meta?.progressToken)
        return new Promise((resolve) => {
          const headers = {
            ...(era === "legacy" &&
              message.method === "initialize" && { "mcp-session-id": `s${++sessions}-${process.pid}` }),
          };
          void answer(
            message,
            (one) => resolve(Response.json(one, { headers })),
            () => undefined,
          );
        });
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          const write: Write = (one) => {
            const data = typeof one === "string" ? one : JSON.stringify(one);
            controller.enqueue(encoder.encode(`event: message\ndata: ${data}\n\n`));
          };
          try {
            await answer(message, write, () => controller.error(new Error("ends here")));
            if (message.params?.arguments?.fault !== "hang") controller.close();
          } catch {
            // The caller has gone.
          }
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
}

if (options.port === undefined) speakStdio();
else speakHttp(options.port);
