import { nextTurn } from "../../wire/next-turn.ts";

/**
 * One part of a server that starts and stops with it.
 *
 * A component that fails to start frees what it has taken before it throws: its own `close` is not called then.
 */
export interface Component<Part = void> {
  /** For errors, and for tests of the order: `catalogue`. */
  readonly name: string;
  /** Returns what other components use. */
  start(): Part | Promise<Part>;
  /** Takes no new work, and returns when the work under way is finished. The deadline of the stop cuts it short. */
  drain?(part: Part): void | Promise<void>;
  /** Ends the work that is left and frees what `start` has taken. Has no deadline: it must end by itself. */
  close?(part: Part): void | Promise<void>;
}

/** A component made of something that only has to be closed. */
export function closable<Part extends { close(): void | Promise<void> }>(
  name: string,
  start: () => Part | Promise<Part>,
): Component<Part> {
  return { name, start, close: (part) => part.close() };
}

/** A component that has started. */
interface Started {
  name: string;
  drain: () => void | Promise<void>;
  close: () => void | Promise<void>;
}

/**
 * The components of a server, in the order in which they started. They drain, and then close, in the opposite order:
 * each may use those before it until it is closed.
 */
export class Lifecycle {
  readonly #started: Started[] = [];
  readonly #onError: (error: unknown) => void;
  readonly #deadline = Promise.withResolvers<void>();
  #stopped: Promise<void> | undefined;

  /** `onError` gets the errors of components that fail to drain or close; the others drain and close all the same. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  get isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  /**
   * Starts one component after those before it, in a turn of the event loop of its own: some go through all rows (T338).
   *
   * @returns what the component provides
   * @throws the component's error, after all components before it are closed
   */
  async start<Part>(component: Component<Part>): Promise<Part> {
    await nextTurn();
    let part: Part;
    try {
      part = await component.start();
    } catch (error) {
      this.#stopped ??= this.#close();
      await this.#stopped;
      throw error;
    }
    this.#started.push({
      name: component.name,
      drain: () => component.drain?.(part),
      close: () => component.close?.(part),
    });
    return part;
  }

  /**
   * Drains and closes all components. Called again, it shortens the time to drain where `timeout` ends sooner.
   *
   * @param timeout milliseconds that the components have to drain, all together
   */
  async stop(timeout: number): Promise<void> {
    this.#stopped ??= this.#drain().then(() => this.#close());
    await within(timeout, this.#stopped);
    this.#deadline.resolve();
    await this.#stopped;
  }

  async #drain(): Promise<void> {
    for (const { name, drain } of this.#started.toReversed())
      await Promise.race([this.#attempt(`cannot drain ${name}`, drain), this.#deadline.promise]);
  }

  async #close(): Promise<void> {
    for (const { name, close } of this.#started.toReversed())
      await this.#attempt(`cannot close ${name}`, close);
  }

  async #attempt(message: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      this.#onError(new Error(message, { cause }));
    }
  }
}

/** Waits for work to end, but not longer than a time in milliseconds. Leaves no timer that keeps the process alive. */
export async function within(timeout: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, timeout);
  await Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
