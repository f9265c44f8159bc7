import { AppError } from "../errors.ts";

/**
 * Chooses the port on which a child process is to listen on the loopback address.
 *
 * @param configured the only port that will do; undefined for any that is free
 * @returns a port on which nothing listens at this moment
 * @throws AppError `unavailable` when the port is taken
 */
export function loopbackPort(configured: number | undefined): number {
  try {
    const probe = Bun.listen({ hostname: "127.0.0.1", port: configured ?? 0, socket: { data() {} } });
    const { port } = probe;
    probe.stop(true);
    return port;
  } catch (cause) {
    const isTaken = (cause as { code?: unknown }).code === "EADDRINUSE";
    const why = isTaken ? "is taken by another program" : "cannot be listened on";
    const message =
      configured === undefined ? "no port of the loopback address is free" : `port ${configured} ${why}`;
    throw new AppError("unavailable", message, {
      cause,
      retryAfter: 30,
      hint: "set another port in the config, or none for any free one",
    });
  }
}
