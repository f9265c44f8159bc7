import { AppError } from "../errors.ts";

/**
 * Below the ports that Linux, macOS and Windows give to outgoing connections: none of them takes the port while its
 * program starts, which is a minute for a vLLM.
 */
const ports = { first: 20_000, count: 12_768 };
/** More programs that listen there than this are not met by chance. */
const attempts = 50;

/**
 * Chooses the port on which a child process is to listen on the loopback address.
 *
 * @param configured the only port that will do; undefined for any that is free
 * @returns a port on which nothing listens at this moment
 * @throws AppError `unavailable` when the port is taken
 */
export function loopbackPort(configured: number | undefined): number {
  try {
    return configured === undefined ? anyPort() : probed(configured);
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

function anyPort(): number {
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      return probed(ports.first + Math.floor(Math.random() * ports.count));
    } catch {
      // Another one is free.
    }
  }
  return probed(0);
}

/** Returns the port if it can be listened on; any that can for 0. */
function probed(port: number): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  probe.stop(true);
  return probe.port;
}
