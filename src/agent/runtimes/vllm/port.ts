import { AppError } from "../../../errors.ts";

/**
 * The port for a vLLM on the loopback address: the one that the config says, if it is free, else any that is.
 *
 * @throws AppError `unavailable` when it is taken
 */
export function portFor(configured: number | undefined): number {
  try {
    const probe = Bun.listen({ hostname: "127.0.0.1", port: configured ?? 0, socket: { data() {} } });
    const { port } = probe;
    probe.stop(true);
    return port;
  } catch (cause) {
    const taken = (cause as { code?: unknown }).code === "EADDRINUSE";
    const what = configured === undefined ? "no port of the loopback address" : `port ${configured}`;
    const why = taken ? "is taken by another program" : "cannot be listened on";
    throw new AppError("unavailable", configured === undefined ? `${what} is free` : `${what} ${why}`, {
      cause,
      retryAfter: 30,
      hint: "say another port in the config, or none for any that is free",
    });
  }
}
