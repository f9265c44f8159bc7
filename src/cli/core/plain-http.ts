import { isReadableOnTheWay } from "../client/endpoint.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { warn } from "./failure.ts";

/** Warns before something secret is sent over plain HTTP to another machine (T111). */
export function warnOnTheWay(url: string, what: string, terminal: Terminal): void {
  if (isReadableOnTheWay(url))
    warn(
      terminal,
      `${url} is plain HTTP: everybody on the way can read ${what}; use https if the server has it`,
    );
}
