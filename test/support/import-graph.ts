import { dirname } from "node:path";

/** Files or folders, and what each imports. */
export type Graph = ReadonlyMap<string, Iterable<string>>;

/** The groups of nodes that reach each other, each sorted; none where there is no circle. Tarjan's algorithm. */
export function circlesIn(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const circles: string[][] = [];
  const visit = (node: string) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node)!);
    open.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (open.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(next)!));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const group = open.splice(open.indexOf(node));
    if (group.length > 1) circles.push(group.sort());
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return circles;
}

/** Pairs of folders of which neither is in the other, and files of each import files of the other. */
export function twoWayFolders(files: Graph): string[] {
  const folders = new Map<string, Set<string>>();
  for (const [file, imports] of files)
    for (const imported of imports) {
      const [from, to] = [dirname(file), dirname(imported)];
      folders.set(from, (folders.get(from) ?? new Set()).add(to));
    }
  return [...folders].flatMap(([from, targets]) =>
    [...targets]
      .filter((to) => from < to && folders.get(to)?.has(from) && !to.startsWith(`${from}/`))
      .map((to) => `${from} ↔ ${to}`),
  );
}
