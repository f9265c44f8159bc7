import { isAlias, isMap, isScalar, isSeq, type ParsedNode } from "yaml";

/**
 * Returns the place in a text of YAML, or of JSON, where the key or element at a path begins.
 *
 * @param root contents of the parsed document
 * @param path keys and indexes from the root
 * @returns characters from the start of the text; for what is not there, the place of the nearest node around it
 */
export function yamlOffset(root: ParsedNode | null, path: readonly (string | number)[]): number {
  let node = root;
  let offset = root?.range[0] ?? 0;
  for (const segment of path) {
    if (isMap<ParsedNode, ParsedNode | null>(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
      if (!pair) return offset;
      offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq<ParsedNode>(node)) {
      const item = node.items[Number(segment)];
      if (!item) return offset;
      offset = item.range[0];
      node = item;
    } else return offset;
    if (isAlias(node)) return offset;
  }
  return offset;
}
