import { useState } from "preact/hooks";
import { useLoaded } from "../../api/lists.ts";
import { may } from "../../api/rights.ts";
import { goTo, placeOf, route } from "../../route.ts";
import { CodeBlock } from "../../ui/code-block.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { AreaField, TextField } from "../../ui/fields.tsx";
import { Empty, Show } from "../../ui/states.tsx";
import type { LlmPriceLine } from "../models/prices.ts";
import { Conversation } from "./conversation.tsx";
import { type PlaygroundRequest, snippets } from "./snippets.ts";

/** Tries a model or a persona, or two of them side by side. */
export function Playground() {
  const models = useLoaded<{ data: { id: string }[] }>("/v1/models", 60_000);
  const prices = useLoaded<{ llms: LlmPriceLine[] }>("/api/v1/prices", 0);
  const [system, setSystem] = useState("");
  const [temperature, setTemperature] = useState("");
  const [maxTokens, setMaxTokens] = useState("");
  const [prompt, setPrompt] = useState("");
  const [sent, setSent] = useState<{ text: string; turn: number }>();
  const [isCopying, setCopying] = useState(false);
  const { query } = route.value;
  const names = models.value?.data.map(({ id }) => id) ?? [];
  const first = query.get("model") ?? names[0] ?? "";
  const second = query.get("second") ?? undefined;
  const choose = (model: string, other: string | undefined) =>
    goTo(placeOf(["playground"], { model, second: other }), true);
  const settings = {
    system,
    ...(temperature !== "" && { temperature: Number(temperature) }),
    ...(maxTokens !== "" && { max_tokens: Number(maxTokens) }),
  };
  const submit = (event?: Event) => {
    event?.preventDefault();
    if (prompt.trim() === "") return;
    setSent({ text: prompt, turn: (sent?.turn ?? 0) + 1 });
    setPrompt("");
  };
  const request: PlaygroundRequest = {
    model: first,
    messages: [
      ...(system === "" ? [] : [{ role: "system", content: system }]),
      { role: "user", content: sent?.text ?? (prompt || "Hello!") },
    ],
    ...(settings.temperature !== undefined && { temperature: settings.temperature }),
    ...(settings.max_tokens !== undefined && { max_tokens: settings.max_tokens }),
  };
  return (
    <>
      <div class="head">
        <h1>Playground</h1>
        <div class="row">
          <button
            type="button"
            class="button"
            disabled={names.length === 0}
            aria-pressed={second !== undefined}
            onClick={() =>
              choose(
                first,
                second === undefined ? (names.find((name) => name !== first) ?? first) : undefined,
              )
            }
          >
            {second === undefined ? "Compare two" : "One model"}
          </button>
          <button type="button" class="button" disabled={names.length === 0} onClick={() => setCopying(true)}>
            Copy as code
          </button>
        </div>
      </div>
      <Show of={models} lines={6}>
        {() =>
          names.length === 0 ? (
            <section class="panel">
              <Empty title="There is no model that you may call">
                <span>
                  {may("create", "llms")
                    ? "Add a provider, and its models are here."
                    : "Ask somebody who manages access for the right to run one."}
                </span>
                {may("create", "llms") && (
                  <a class="button primary" href={placeOf(["models"])}>
                    Add a provider
                  </a>
                )}
              </Empty>
            </section>
          ) : (
            <div class="stack">
              <div class="columns">
                {[first, second].flatMap((model, i) =>
                  model === undefined
                    ? []
                    : [
                        <Conversation
                          key={i === 0 ? "first" : "second"}
                          model={model}
                          names={names}
                          settings={settings}
                          sent={sent}
                          prices={prices.value?.llms ?? []}
                          onModel={(chosen) => (i === 0 ? choose(chosen, second) : choose(first, chosen))}
                        />,
                      ],
                )}
              </div>
              <form class="panel" onSubmit={submit}>
                <div class="body">
                  <AreaField
                    label="Message"
                    rows={3}
                    value={prompt}
                    onValue={setPrompt}
                    hint="Nothing of a conversation is kept by the server. It is gone when you leave this screen."
                  />
                  <details>
                    <summary>System prompt and parameters</summary>
                    <div class="stack details">
                      <AreaField label="System prompt" value={system} onValue={setSystem} />
                      <div class="columns narrow">
                        <TextField
                          label="Temperature"
                          type="number"
                          step="0.1"
                          value={temperature}
                          onValue={setTemperature}
                        />
                        <TextField
                          label="Most tokens of an answer"
                          type="number"
                          value={maxTokens}
                          onValue={setMaxTokens}
                        />
                      </div>
                    </div>
                  </details>
                  <div class="row">
                    <button type="submit" class="button primary">
                      Send
                    </button>
                  </div>
                </div>
              </form>
            </div>
          )
        }
      </Show>
      {isCopying && (
        <Dialog title="Copy as code" onClose={() => setCopying(false)}>
          <p class="quiet">MCPCTL_TOKEN is a token that you make under Access.</p>
          {Object.entries(snippets).map(([name, make]) => (
            <div class="field" key={name}>
              <span class="label">{name}</span>
              <CodeBlock text={make(location.origin, request)} />
            </div>
          ))}
        </Dialog>
      )}
    </>
  );
}
