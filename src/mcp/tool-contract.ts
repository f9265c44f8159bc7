import { isObject, type JsonObject } from "./messages.ts";

/** Compiling a schema takes time and memory by its size, and a server may send any. */
const maxSchemaBytes = 256 * 1024;

/** Returns the faults of the tools that a server lists, a sentence each: clients would refuse or drop these tools. */
export async function faultsOfTools(tools: readonly JsonObject[]): Promise<string[]> {
  const faults: string[] = [];
  const names = new Set<string>();
  for (const tool of tools) {
    const name = tool["name"];
    if (typeof name !== "string" || name === "") {
      faults.push("a tool has no name");
      continue;
    }
    if (names.has(name)) faults.push(`tool "${name}": is listed twice`);
    names.add(name);
    for (const field of ["inputSchema", "outputSchema"] as const) {
      const schema = tool[field];
      const fault =
        schema === undefined && field === "outputSchema" ? undefined : (await checkerOf(schema)).fault;
      if (fault !== undefined) faults.push(`tool "${name}": ${field} ${fault}`);
    }
  }
  return faults;
}

/**
 * Returns the faults of a tool's result, a sentence each: an error that the tool reports, and what breaks the promise of
 * its output schema.
 */
export async function faultsOfResult(tool: JsonObject, result: JsonObject): Promise<string[]> {
  const { content, structuredContent, isError } = result;
  if (result["resultType"] === "input_required") return ["the tool asks the client for more input"];
  if (!Array.isArray(content)) return ["the result has no list content"];
  if (isError === true) return [`the tool reports an error: ${textOfContent(content).slice(0, 500)}`];
  const { outputSchema } = tool;
  if (outputSchema === undefined) return [];
  if (structuredContent === undefined)
    return ["the tool has an output schema, but the result has no structuredContent"];
  const { check } = await checkerOf(outputSchema);
  // Integers whose digits were kept are numbers to a schema.
  const fault = await check?.(JSON.parse(JSON.stringify(structuredContent)));
  return fault === undefined ? [] : [`structuredContent does not match the output schema: ${fault}`];
}

/** Returns what is wrong with the arguments of a call; undefined if they match the tool's schema. */
export async function faultOfArguments(tool: JsonObject, args: JsonObject): Promise<string | undefined> {
  const { check } = await checkerOf(tool["inputSchema"]);
  return check?.(args);
}

/** Returns the text in the content of a result. */
export function textOfContent(content: readonly unknown[]): string {
  return content
    .filter(isObject)
    .map(({ type, text }) => (type === "text" && typeof text === "string" ? text : `[${String(type)}]`))
    .join("\n");
}

interface Checker {
  /** The fault of the schema itself. */
  fault?: string;
  /** Returns what is wrong with a value; undefined if it matches. */
  check?(value: unknown): Promise<string | undefined>;
}

async function checkerOf(schema: unknown): Promise<Checker> {
  if (!isObject(schema)) return { fault: "is not an object" };
  if (JSON.stringify(schema).length > maxSchemaBytes) return { fault: "is over 256 KB" };
  // Loaded here, because it takes longer than the rest of the program.
  const { fromJsonSchema } = await import("@modelcontextprotocol/client");
  try {
    const validator = fromJsonSchema(schema)["~standard"];
    const check = async (value: unknown) => {
      const { issues } = await validator.validate(value);
      return issues?.map(({ message }) => message).join("; ");
    };
    // The SDK compiles a schema at its first use.
    await check({});
    return { check };
  } catch (error) {
    return { fault: `is no JSON Schema: ${String((error as Error).message).slice(0, 200)}` };
  }
}
