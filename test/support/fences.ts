/** A fenced block of Markdown. */
export interface Fence {
  language: string;
  lines: string[];
}

/** A page's fenced blocks, in their order. */
export function fences(page: string): Fence[] {
  const found: Fence[] = [];
  let open: Fence | undefined;
  for (const line of page.split("\n")) {
    if (open && line === "```") open = undefined;
    else if (open) open.lines.push(line);
    else if (line.startsWith("```")) {
      open = { language: line.slice(3), lines: [] };
      found.push(open);
    }
  }
  return found;
}
