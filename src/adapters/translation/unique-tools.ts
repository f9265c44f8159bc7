/**
 * Returns the tools without those whose name an earlier one has. Clients of several MCP servers send the same tool twice;
 * Anthropic and Gemini refuse that, and no call could tell the two apart.
 */
export function uniqueTools<Tool>(tools: readonly Tool[], nameOf: (tool: Tool) => unknown): Tool[] {
  const names = new Set<unknown>();
  return tools.filter((tool) => {
    const name = nameOf(tool);
    const isNew = !names.has(name);
    names.add(name);
    return isNew;
  });
}
