import { fakeBao } from "../test/support/openbao/fake.ts";
import { chatRequests } from "./chat.ts";
import type { LoadJob, LoadResult } from "./load.ts";
import type { Latency } from "./stats.ts";
import type { Setting } from "./subjects.ts";

/** Calls of one llm at a fixed rate. Times in milliseconds. */
export interface SecretsRow extends Pick<Latency, "p50" | "p99" | "max"> {
  /** Location of the llm's key. */
  key: string;
  failures: number;
  /** Number of reads of values from OpenBao meanwhile. */
  reads: number;
}

export interface SecretsPlan {
  /** Milliseconds of each run. A value is read again after 45 seconds, and is too old after 60. */
  duration: number;
  rate: number;
}

/** Response time of OpenBao, in milliseconds. */
export const baoDelay = 50;

/**
 * Calls two llms of one server that differ in where their keys are: in the server's own database, and in an OpenBao that
 * takes its time.
 */
export async function measureSecrets(
  { processes, installation, bearer, unstreamed }: Setting,
  { duration, rate }: SecretsPlan,
): Promise<SecretsRow[]> {
  const ending: (() => void | Promise<void>)[] = [];
  const bao = await fakeBao({}, (what) => void ending.push(what));
  const server = await installation.start();
  const create = (...words: string[]) => installation.run("create", ...words);
  await create("secret", "bao-token", "--data", `token=${bao.token}`);
  const places: Record<string, string> = { "in its database": "default", "in OpenBao": "bao" };
  await create(
    "secretbackend",
    "bao",
    "--type=openbao",
    `--url=${bao.url}`,
    "--token-secret=bao-token/token",
  );
  const rows: SecretsRow[] = [];
  for (const [key, backend] of Object.entries(places)) {
    const model = `key-on-${backend}`;
    await create("secret", model, "--backend", backend, "--data", "api-key=sk-bench-0123456789abcdef");
    const url = `http://127.0.0.1:${unstreamed.port}`;
    const flags = ["--type=openai", "--model=bench-model", `--url=${url}`, `--api-key-ref=${model}/api-key`];
    await create("llm", model, ...flags, "--skip-auth-check");
    bao.delay = baoDelay;
    const before = bao.requests.length;
    const headers = { authorization: `Bearer ${bearer}` };
    const requests = chatRequests({ port: server.port, model, headers });
    const job: LoadJob = { port: server.port, requests, connections: 32, warmUp: 1000, duration, rate };
    const { latency, failures } = await processes.ask<LoadResult>("load.ts", job);
    const reads = bao.requests.slice(before).filter(({ path }) => path.includes("/data/")).length;
    rows.push({ key, failures, reads, p50: latency.p50, p99: latency.p99, max: latency.max });
    bao.delay = 0;
  }
  await server.stop();
  for (const end of ending) await end();
  return rows;
}
