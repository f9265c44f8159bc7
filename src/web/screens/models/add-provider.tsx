import { useEffect, useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { readKinds } from "../../api/kinds.ts";
import { type ApiObject, useLoaded } from "../../api/lists.ts";
import { wordsOf } from "../../api/schema.ts";
import { Command } from "../../objects/source.tsx";
import { useAction } from "../../ui/action.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/fields.tsx";
import { Failure } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";
import { commandOf } from "../../ui/yaml.ts";

/** Types that most people look for, the rest follows by name. */
const first = ["anthropic", "openai", "gemini", "openrouter", "ollama", "vllm", "llama.cpp", "lmstudio"];
/** Types that run on a machine of their users: they need an address, and mostly no key. */
const own: Readonly<Record<string, string>> = {
  ollama: "http://127.0.0.1:11434",
  vllm: "http://127.0.0.1:8000",
  "llama.cpp": "http://127.0.0.1:8080",
  lmstudio: "http://127.0.0.1:1234",
  sglang: "http://127.0.0.1:30000",
  tgi: "http://127.0.0.1:8080",
};
/** Types of a service without one address for all. */
const needsUrl = new Set(["azure", "bedrock", "vertex", ...Object.keys(own)]);

interface Result {
  llm: ApiObject & { probe?: { ok: boolean; message: string } };
}

/** Adds an llm in three steps: the provider, its key, and a try. */
export function AddProvider({ onClose }: { onClose: () => void }) {
  const [type, setType] = useState<string>();
  const [result, setResult] = useState<Result>();
  const title = result ? "3 of 3: Try" : type ? "2 of 3: Key and model" : "1 of 3: Choose a provider";
  return (
    <Dialog title={`Add a provider · ${title}`} onClose={onClose}>
      {result ? (
        <Tried result={result} onClose={onClose} onAgain={() => setResult(undefined)} />
      ) : type ? (
        <KeyStep type={type} onBack={() => setType(undefined)} onDone={setResult} />
      ) : (
        <TypeStep onType={setType} />
      )}
    </Dialog>
  );
}

function TypeStep({ onType }: { onType: (type: string) => void }) {
  const [types, setTypes] = useState<string[]>([]);
  useEffect(() => {
    readKinds().then((kinds) => {
      const schema = kinds.find(({ kind }) => kind === "llm")?.fields.properties["type"];
      const all = wordsOf(schema ?? {}).map(String);
      setTypes([
        ...first.filter((one) => all.includes(one)),
        ...all.filter((one) => !first.includes(one)).sort(),
      ]);
    });
  }, []);
  return (
    <div class="choices">
      {types.map((one) => (
        <button key={one} type="button" class="button" onClick={() => onType(one)}>
          {one}
        </button>
      ))}
    </div>
  );
}

function KeyStep({
  type,
  onBack,
  onDone,
}: {
  type: string;
  onBack: () => void;
  onDone: (result: Result) => void;
}) {
  const [name, setName] = useState("");
  const [model, setModel] = useState("");
  const [key, setKey] = useState("");
  const [url, setUrl] = useState(own[type] ?? "");
  const action = useAction();
  const listed = useLoaded<{ models: { provider: string; model: string }[] }>("/api/v1/prices", 0);
  const suggestions =
    listed.value?.models.filter(({ provider }) => provider === type).map((one) => one.model) ?? [];
  const llmName = name || nameFrom(model);
  const secret = `${llmName}-key`;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void action.run(async () => {
      // A key that was stored by a try before is replaced.
      if (key !== "") await putSecret(secret, key);
      const fields = {
        type,
        model,
        ...(url !== "" && { url }),
        ...(key !== "" && { apiKeyRef: { name: secret, key: "api-key" } }),
      };
      onDone({ llm: await request("/api/v1/llms", { method: "POST", body: { name: llmName, ...fields } }) });
    });
  };
  return (
    <form class="stack" onSubmit={submit}>
      <TextField
        label="Model"
        value={model}
        onValue={setModel}
        required
        suggestions={suggestions}
        hint={`The name that ${type} has for it`}
      />
      <TextField
        label="Name here"
        value={name}
        onValue={setName}
        placeholder={nameFrom(model)}
        hint="The name that programs call: small letters, digits and dashes"
      />
      {needsUrl.has(type) && (
        <TextField
          label="Address"
          value={url}
          onValue={setUrl}
          required
          hint="As the server reaches it, without /v1"
        />
      )}
      <TextField
        label="Key"
        type="password"
        value={key}
        onValue={setKey}
        required={!Object.hasOwn(own, type)}
        hint={`It is stored as the secret ${secret || "…"} and never shown again${Object.hasOwn(own, type) ? "; most need none" : ""}.`}
      />
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <button type="submit" class="button primary" disabled={action.isBusy}>
          {action.isBusy ? "Trying…" : "Add and try"}
        </button>
        <button type="button" class="button" onClick={onBack}>
          Back
        </button>
      </div>
      {key !== "" && (
        <Command
          text={`${commandOf("create", "secret", secret, "--data", "api-key=-")}   # and paste the key`}
        />
      )}
      <Command
        text={commandOf(
          "create",
          "llm",
          llmName || "NAME",
          "--type",
          type,
          "--model",
          model || "MODEL",
          ...(url === "" ? [] : ["--url", url]),
          ...(key === "" ? [] : ["--api-key-ref", `${secret}/api-key`]),
        )}
      />
    </form>
  );
}

/** Stores a key; replaces the one that a try before has stored. */
async function putSecret(name: string, key: string): Promise<void> {
  const data = { "api-key": key };
  const existing = await request<ApiObject[]>(`/api/v1/secrets?name=${encodeURIComponent(name)}`).catch(
    () => [],
  );
  const [one] = existing;
  if (one) await request(`/api/v1/secrets/${encodeURIComponent(one.id)}`, { method: "PUT", body: { data } });
  else await request("/api/v1/secrets", { method: "POST", body: { name, data } });
}

function Tried({
  result: { llm },
  onClose,
  onAgain,
}: {
  result: Result;
  onClose: () => void;
  onAgain: () => void;
}) {
  const action = useAction();
  const probe = llm.probe;
  const undo = () =>
    action.run(async () => {
      await request(`/api/v1/llms/${encodeURIComponent(llm.id)}`, { method: "DELETE" });
      onAgain();
    });
  return (
    <>
      <div class={`note ${probe?.ok ? "good" : "bad"}`} role="status">
        <strong>{probe?.ok ? `${llm.name} is ready` : `${llm.name} was added, but the try failed`}</strong>
        {probe && <span>{probe.message}</span>}
      </div>
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <button
          type="button"
          class="button primary"
          onClick={() => {
            toast(`Added ${llm.name}`);
            onClose();
          }}
        >
          {probe?.ok ? "Done" : "Keep it"}
        </button>
        {!probe?.ok && (
          <button type="button" class="button" disabled={action.isBusy} onClick={undo}>
            Take it back and change it
          </button>
        )}
      </div>
      <Command text={commandOf("test", "llm", llm.name)} />
    </>
  );
}

/** Returns a name that the server takes from a model's: `meta/Llama-3:8b` is `llama-3-8b`. */
function nameFrom(model: string): string {
  const last = model.split("/").at(-1) ?? "";
  return last
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}
