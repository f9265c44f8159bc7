import { AppError } from "../../../errors.ts";
import { AcceptGate } from "./accept-gate.ts";
import { Descriptors } from "./descriptors.ts";
import { openLibc } from "./libc.ts";
import type { PassedSocket } from "./passed-socket.ts";
import { Sockets } from "./sockets.ts";
import type { BusyPorts } from "./victims.ts";

/** Milliseconds of silence after which nobody is about to send a request on a connection. */
const silence = 200;
/** Milliseconds between two looks at the connections. */
const pause = 20;
/** Milliseconds that clients have to leave. */
const longest = 2_000;

const F_DUPFD_CLOEXEC = 1030;

/**
 * Returns a second descriptor of the socket on which this process listens, so that another listener can take its place.
 * Undefined where the system does not let a process see its sockets.
 */
export function listeningSocket(port: number): number | undefined {
  const libc = openLibc();
  const listener = libc && Sockets.find(libc, new Descriptors(libc), port)?.listeners[0];
  return listener === undefined ? undefined : anotherDescriptor(listener);
}

/** Returns another descriptor of a socket; undefined if there is none. */
export function anotherDescriptor(descriptor: number): number | undefined {
  const another = openLibc()?.fcntl(descriptor, F_DUPFD_CLOEXEC, 0) ?? -1;
  return another < 0 ? undefined : another;
}

/** The socket of systemd, or of another listener, on which `Bun.serve` listens in the place of its own. */
export class PassedListener {
  readonly #gate: AcceptGate;
  readonly #sockets: Sockets;

  private constructor(gate: AcceptGate, sockets: Sockets) {
    this.#gate = gate;
    this.#sockets = sockets;
  }

  /**
   * Puts a passed socket in the place of the listener of a port.
   *
   * @param port that of the listener, whose socket is closed
   * @throws AppError `unavailable` if this system does not allow it
   */
  static adopt(passed: PassedSocket, port: number): PassedListener {
    const libc = openLibc();
    const descriptors = libc && new Descriptors(libc);
    const own = descriptors && Sockets.find(libc, descriptors, port);
    const gate = own && AcceptGate.find(libc, own.listeners[0]!);
    const sockets = gate?.replaceBy(passed.descriptor) && Sockets.find(libc!, descriptors!, passed.port);
    if (!gate || !sockets)
      throw new AppError("unavailable", "cannot listen on the socket that systemd passes", {
        hint: "the server needs /proc for it; without a socket unit it opens one itself",
      });
    return new PassedListener(gate, sockets);
  }

  /**
   * Leaves new connections to the next server: they wait in the queue of the socket, which systemd keeps. Resolves when
   * no client is about to use a connection again. The caller sends no response that would keep one open.
   */
  async handOver(busyPorts: () => BusyPorts): Promise<void> {
    this.#gate.pause();
    for (let waited = 0; waited < longest && this.#isUsed(busyPorts()); waited += pause)
      await Bun.sleep(pause);
  }

  #isUsed(busy: BusyPorts): boolean {
    return this.#sockets.list().some(({ port, idle }) => idle < silence && !busy.has(port));
  }
}
