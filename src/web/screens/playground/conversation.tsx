import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, shownError } from "../../api/client.ts";
import { placeOf } from "../../route.ts";
import { count, dollars, duration } from "../../ui/format.ts";
import { Markdown } from "../../ui/markdown.tsx";
import { Failure } from "../../ui/states.tsx";
import type { LlmPriceLine } from "../models/prices.ts";
import { type ChatTurn, type ShownTool, type StreamedAnswer, streamChat } from "./stream-chat.ts";

/** A conversation with one model, which gets each message that is sent. */
export function Conversation({
  model,
  names,
  settings: { system, ...parameters },
  sent,
  prices,
  onModel,
}: {
  model: string;
  names: readonly string[];
  settings: { system: string; temperature?: number; max_tokens?: number };
  sent: { text: string; turn: number } | undefined;
  prices: readonly LlmPriceLine[];
  onModel: (model: string) => void;
}) {
  const [turns, setTurns] = useState<ChatTurn[]>([]);
  const [answer, setAnswer] = useState<StreamedAnswer>();
  const [error, setError] = useState<ApiError>();
  const [isBusy, setBusy] = useState(false);
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each message is sent once.
  useEffect(() => {
    if (!sent || isBusy) return;
    const before: ChatTurn[] = [
      ...turns,
      ...(answer?.text ? [{ role: "assistant" as const, content: answer.text }] : []),
      { role: "user", content: sent.text },
    ];
    setTurns(before);
    setAnswer(undefined);
    setError(undefined);
    setBusy(true);
    const own = new AbortController();
    abort.current = own;
    const messages = [...(system === "" ? [] : [{ role: "system", content: system }]), ...before];
    streamChat({ model, messages, ...parameters }, own.signal, setAnswer)
      .catch((thrown) => own.signal.aborted || setError(shownError(thrown)))
      .finally(() => setBusy(false));
  }, [sent]);
  const clear = () => {
    abort.current?.abort();
    setTurns([]);
    setAnswer(undefined);
    setError(undefined);
  };
  const price = prices.find(({ llm }) => llm === model);
  return (
    <section class="panel talk" aria-label={`Conversation with ${model}`}>
      <header>
        <select
          class="input"
          aria-label="Model"
          value={model}
          onChange={(event) => onModel(event.currentTarget.value)}
        >
          {(names.includes(model) ? names : [model, ...names]).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        {isBusy ? (
          <button type="button" class="button slim" onClick={() => abort.current?.abort()}>
            Stop
          </button>
        ) : (
          <button type="button" class="button slim" onClick={clear}>
            Clear
          </button>
        )}
      </header>
      <div class="body" aria-live="polite" aria-busy={isBusy}>
        {turns.length === 0 && <p class="quiet">Send a message to see the answer here.</p>}
        {turns.map((turn, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: turns are only added.
          <Turn key={i} turn={turn} />
        ))}
        {answer && (
          <div class="turn">
            {answer.reasoning !== "" && (
              <details>
                <summary>Reasoning</summary>
                <p class="quiet pre">{answer.reasoning}</p>
              </details>
            )}
            {answer.tools.map((tool) => (
              <Tool key={tool.id} tool={tool} />
            ))}
            <Markdown text={answer.text} />
            <Measures answer={answer} price={price} />
          </div>
        )}
        {isBusy && !answer && <p class="quiet">Waiting for the first token…</p>}
        {error && <Failure error={error} />}
      </div>
    </section>
  );
}

function Turn({ turn: { role, content } }: { turn: ChatTurn }) {
  return role === "user" ? (
    <p class="turn mine pre">{content}</p>
  ) : (
    <div class="turn">
      <Markdown text={content} />
    </div>
  );
}

function Tool({ tool: { server, name, arguments: given, output, isError } }: { tool: ShownTool }) {
  return (
    <details class={`note ${isError ? "bad" : ""}`}>
      <summary>
        {output === undefined ? "Calling" : isError ? "Failed:" : "Called"} {name}{" "}
        <span class="quiet">{server}</span>
      </summary>
      <pre class="pre">{given}</pre>
      {output !== undefined && <pre class="pre">{output}</pre>}
    </details>
  );
}

/** The time, the tokens and the cost of an answer. The cost is at the list price; the audit has the booked one. */
function Measures({ answer, price }: { answer: StreamedAnswer; price: LlmPriceLine | undefined }) {
  const { firstToken, total, promptTokens = 0, completionTokens, requestId } = answer;
  if (total === undefined) return null;
  const speed = completionTokens && completionTokens / ((total - (firstToken ?? 0)) / 1000);
  const cost =
    price?.rates && completionTokens !== undefined
      ? (promptTokens * price.rates.input + completionTokens * price.rates.output) / 1e6
      : undefined;
  const parts = [
    firstToken !== undefined && `first token after ${duration(firstToken)}`,
    speed && Number.isFinite(speed) && `${speed.toFixed(0)} tokens/s`,
    completionTokens !== undefined && `${count(promptTokens)} + ${count(completionTokens)} tokens`,
    cost !== undefined && dollars(cost),
  ];
  return (
    <p class="quiet small">
      {parts.filter(Boolean).join(" · ")}
      {requestId && (
        <>
          {" · "}
          <a href={placeOf(["calls", requestId])}>its story</a>
        </>
      )}
    </p>
  );
}
