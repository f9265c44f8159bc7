import { escapeLine } from "../../../wire/text.ts";
import { paint } from "../../terminal/paint.ts";
import type { Check } from "./check.ts";
import type { Remedy } from "./remedies.ts";

const styles = { ok: "green", warn: "yellow", fail: "red", skip: "dim" } as const;
const nameWidth = 14;

/** `ok    round trip    41 ms …` */
export function checkLine({ verdict, name, detail }: Check, color: boolean): string {
  const mark = paint(color, styles[verdict], verdict.padEnd(5));
  return `${mark} ${name.padEnd(nameWidth)}${escapeLine(detail)}\n`;
}

/** The settings that fix the faults, by proxy. Empty if there are no faults. */
export function remedyLines(remedies: readonly Remedy[], color: boolean): string {
  return remedies
    .flatMap(({ what, lines }) => [
      `\n${paint(color, "bold", `To make the proxy ${what}:`)}`,
      ...lines.flatMap(({ proxy, lines: settings }) => [
        `  ${proxy}:`,
        ...settings.map((line) => `    ${line}`),
      ]),
    ])
    .map((line) => `${line}\n`)
    .join("");
}
