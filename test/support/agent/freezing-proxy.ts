import type { Socket } from "bun";
import { onTestFinished } from "vitest";

type Side = Socket<{ other: Side | undefined; waiting: Uint8Array[]; frozen: boolean }>;

/** Starts a proxy that can freeze its connections: nothing passes in either direction, and nothing is closed. */
export async function freezingProxy(target: string): Promise<{ url: string; freeze(): void }> {
  const { hostname, port } = new URL(target);
  const sides = new Set<Side>();
  const forward = (side: Side, bytes: Uint8Array) => {
    if (side.data.frozen) return;
    if (side.data.other) side.data.other.write(bytes);
    else side.data.waiting.push(Uint8Array.from(bytes));
  };
  const close = (side: Side) => {
    sides.delete(side);
    if (!side.data.frozen) side.data.other?.end();
  };
  const data = () => ({ other: undefined, waiting: [], frozen: false });
  const listener = Bun.listen<Side["data"]>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      async open(inner) {
        inner.data = data();
        sides.add(inner);
        const outer: Side = await Bun.connect<Side["data"]>({
          hostname,
          port: Number(port),
          data: { ...data(), other: inner },
          socket: { data: forward, close },
        });
        sides.add(outer);
        inner.data.other = outer;
        for (const bytes of inner.data.waiting.splice(0)) outer.write(bytes);
      },
      data: forward,
      close,
    },
  });
  onTestFinished(() => {
    for (const side of sides) side.terminate();
    listener.stop(true);
  });
  return {
    url: `http://127.0.0.1:${listener.port}`,
    freeze: () => {
      for (const side of sides) side.data.frozen = true;
    },
  };
}
