import { escapeLine } from "../../../wire/text.ts";
import { paint } from "../../terminal/paint.ts";

/** One thing that was tested. */
export interface TestStep {
  name: string;
  ok: boolean;
  /** The result in a few words. */
  detail: string;
}

/** `ok    greeting   …` */
export function stepLine({ name, ok, detail }: TestStep, color: boolean): string {
  const mark = paint(color, ok ? "green" : "red", ok ? "ok   " : "fail ");
  return `${mark} ${name.padEnd(10)} ${escapeLine(detail)}\n`;
}
