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

/** `3 tools, no prompts, 1 resource` */
export function countsText(counts: Counts): string {
  return [counted(counts.tools, "tool"), ...others(counts).map(([count, noun]) => counted(count, noun))].join(
    ", ",
  );
}

/** Says that a server has no tools, and what it has in their place. */
export function withoutTools(counts: Counts): string {
  const there = others(counts).filter(([count]) => count > 0);
  if (there.length === 0) return "none, nor prompts or resources: there is nothing that a client could use";
  return `none: it offers ${there.map(([count, noun]) => counted(count, noun)).join(" and ")} only`;
}

/** The numbers of the entries that a server lists. */
export interface Counts {
  tools: number;
  prompts: number;
  /** With templates. */
  resources: number;
}

function others({ prompts, resources }: Counts): [number, string][] {
  return [
    [prompts, "prompt"],
    [resources, "resource"],
  ];
}

function counted(count: number, noun: string): string {
  return `${count === 0 ? "no" : count} ${noun}${count === 1 ? "" : "s"}`;
}
