import { join } from "node:path";
import type { Instance } from "../instance.ts";
import type { Programs } from "../programs.ts";
import type { LogLine } from "./log-line.ts";
import { logNumbers, type ReadLogOptions, readLog } from "./read-log.ts";

/** A line with the number of its instance. */
export type NumberedLine = LogLine & { instance: number };

export interface LogsOptions {
  programs: Programs | undefined;
  instancesOf(serverId: string): readonly Instance[];
}

/** The logs of servers: of all their instances, or of one. */
export interface InstanceLogs {
  /** Returns lines that are written, in the order of time. */
  read(serverId: string, instance: number | undefined, options: ReadLogOptions): Promise<NumberedLine[]>;
  /** Calls a function with each new line, also of instances that start later. Returns a function that ends this. */
  follow(serverId: string, instance: number | undefined, take: (line: NumberedLine) => void): () => void;
}

/** The logs of the instances on this host. */
export class Logs implements InstanceLogs {
  readonly #options: LogsOptions;

  constructor(options: LogsOptions) {
    this.#options = options;
  }

  async read(
    serverId: string,
    instance: number | undefined,
    options: ReadLogOptions,
  ): Promise<NumberedLine[]> {
    const { programs, instancesOf } = this.#options;
    if (!programs) return [];
    for (const { log } of instancesOf(serverId)) log.flush();
    const folder = programs.logsOf(serverId);
    const numbers = instance === undefined ? await logNumbers(folder) : [instance];
    const logs = numbers.map(async (number) => {
      const lines = await readLog(join(folder, `${number}.log`), options);
      return lines.map((line) => ({ ...line, instance: number }));
    });
    const lines = (await Promise.all(logs)).flat();
    // Lines of the same moment stay in the order in which their file has them.
    if (numbers.length > 1) lines.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    return options.tail === 0 ? [] : lines.slice(-options.tail);
  }

  follow(serverId: string, instance: number | undefined, take: (line: NumberedLine) => void): () => void {
    const followed = new Map<Instance, () => void>();
    const look = () => {
      const found = this.#options
        .instancesOf(serverId)
        .filter(({ number }) => instance === undefined || number === instance);
      for (const one of found) {
        if (followed.has(one)) continue;
        const { number } = one;
        followed.set(
          one,
          one.log.subscribe((line) => take({ ...line, instance: number })),
        );
      }
      for (const [one, end] of followed) {
        if (found.includes(one)) continue;
        end();
        followed.delete(one);
      }
    };
    look();
    const timer = setInterval(look, 200);
    return () => {
      clearInterval(timer);
      for (const end of followed.values()) end();
    };
  }
}
