import { useEffect, useState } from "preact/hooks";
import { type ApiError, shownError } from "../../api/client.ts";
import { callMcp, type FormSchema, type ShownMcpTool } from "../../api/mcp.ts";
import { useAction } from "../../ui/action.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { AreaField, SelectField, TextField } from "../../ui/fields.tsx";
import { Bones, Failure } from "../../ui/states.tsx";
import { argumentsOf, isLong } from "./tool-form.ts";

interface ToolResult {
  content?: { type: string; text?: string }[];
  isError?: boolean;
  structuredContent?: unknown;
}

/** Calls a tool of a project with a form that is made from its schema. */
export function TryTool({ project }: { project: string }) {
  const [tools, setTools] = useState<ShownMcpTool[]>();
  const [error, setError] = useState<ApiError>();
  const [chosen, setChosen] = useState("");
  const [values, setValues] = useState<Record<string, string>>({});
  const [result, setResult] = useState<ToolResult>();
  const action = useAction();
  useEffect(() => {
    callMcp<{ tools: ShownMcpTool[] }>(project, "tools/list").then(
      (answer) => setTools(answer.tools),
      (thrown) => setError(shownError(thrown)),
    );
  }, [project]);
  const tool = tools?.find(({ name }) => name === chosen) ?? tools?.[0];
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!tool) return;
    setResult(undefined);
    void action.run(async () => {
      const given = argumentsOf(tool.inputSchema, values);
      setResult(await callMcp<ToolResult>(project, "tools/call", { name: tool.name, arguments: given }));
    });
  };
  return (
    <section class="panel">
      <header>
        <h3>Try a tool</h3>
      </header>
      <div class="body">
        {error && <Failure error={error} />}
        {!tools && !error && <Bones lines={4} />}
        {tools && !tool && <p class="quiet">The project offers no tool.</p>}
        {tool && (
          <form class="stack" onSubmit={submit}>
            <SelectField
              label="Tool"
              value={tool.name}
              onValue={(name) => {
                setChosen(name);
                setValues({});
                setResult(undefined);
              }}
              options={tools!.map(({ name }) => [name, name] as const)}
              hint={tool.description}
            />
            {Object.entries(tool.inputSchema.properties ?? {}).map(([name, schema]) => (
              <SchemaField
                key={`${tool.name} ${name}`}
                name={name}
                schema={schema}
                isRequired={tool.inputSchema.required?.includes(name) ?? false}
                value={values[name] ?? ""}
                onValue={(value) => setValues({ ...values, [name]: value })}
              />
            ))}
            {action.error && <Failure error={action.error} />}
            {result && (
              <div class={`note ${result.isError ? "bad" : "good"}`} role="status">
                <strong>{result.isError ? "The tool failed" : "The tool answered"}</strong>
                <CodeBlock text={textOf(result)} />
              </div>
            )}
            <div class="row">
              <button type="submit" class="button primary" disabled={action.isBusy}>
                {action.isBusy ? "Calling…" : "Call"}
              </button>
            </div>
          </form>
        )}
      </div>
    </section>
  );
}

function SchemaField({
  name,
  schema,
  isRequired,
  value,
  onValue,
}: {
  name: string;
  schema: FormSchema;
  isRequired: boolean;
  value: string;
  onValue: (value: string) => void;
}) {
  const common = { label: name, value, onValue, hint: schema.description, required: isRequired };
  if (schema.enum || schema.type === "boolean") {
    const words = schema.enum ? schema.enum.map((one) => JSON.stringify(one)) : ["true", "false"];
    return (
      <SelectField
        {...common}
        options={[["", isRequired ? "choose" : "left out"], ...words.map((word) => [word, word] as const)]}
      />
    );
  }
  if (isLong(schema)) return <AreaField {...common} />;
  const isNumber = schema.type === "number" || schema.type === "integer";
  return <TextField {...common} type={isNumber ? "number" : "text"} {...(isNumber && { step: "any" })} />;
}

function textOf({ content = [], structuredContent }: ToolResult): string {
  const texts = content.map(({ type, text }) => text ?? `(${type})`);
  if (texts.length === 0 && structuredContent !== undefined)
    return JSON.stringify(structuredContent, null, 2);
  return texts.join("\n");
}
