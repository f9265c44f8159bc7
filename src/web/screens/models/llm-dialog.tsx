import { useState } from "preact/hooks";
import { request } from "../../api/client.ts";
import { ObjectButtons } from "../../objects/object-dialog.tsx";
import { Command } from "../../objects/source.tsx";
import { goTo, placeOf } from "../../route.ts";
import { useAction } from "../../ui/action.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { duration } from "../../ui/format.ts";
import { Failure } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { commandOf } from "../../ui/yaml.ts";
import { type LlmPriceLine, priceText } from "./prices.ts";
import type { ShownLlm } from "./shown-llm.ts";

/** One llm: its state, its last failure, and a call to try it, which also wakes a sleeping one. */
export function LlmDialog({
  llm,
  price,
  onClose,
}: {
  llm: ShownLlm;
  price: LlmPriceLine | undefined;
  onClose: () => void;
}) {
  const { name, health, status } = llm;
  const action = useAction();
  const [answer, setAnswer] = useState<{ text: string; milliseconds: number }>();
  const tryIt = () =>
    action.run(async () => {
      const begun = performance.now();
      const body = {
        model: name,
        max_tokens: 200,
        messages: [{ role: "user", content: "Say hello in one short sentence." }],
      };
      const { choices } = await request<{ choices: { message: { content: string | null } }[] }>(
        "/v1/chat/completions",
        {
          method: "POST",
          body,
        },
      );
      setAnswer({
        text: choices[0]?.message.content ?? "(no text)",
        milliseconds: performance.now() - begun,
      });
    });
  return (
    <Dialog title={name} onClose={onClose}>
      {llm.description && <p>{llm.description}</p>}
      <dl class="facts">
        <dt>Status</dt>
        <dd class="row">
          <Badge state={status} />
          {health && <Badge state={health.status} />}
        </dd>
        <dt>Provider</dt>
        <dd>
          {llm.type} <span class="quiet">{llm.url}</span>
        </dd>
        <dt>Model</dt>
        <dd class="mono">{llm.model ?? "–"}</dd>
        {llm.poolName && (
          <>
            <dt>Pool</dt>
            <dd>{llm.poolName}</dd>
          </>
        )}
        <dt>Price</dt>
        <dd>
          {priceText(price) || "–"} {price && <span class="quiet small">{price.reason}</span>}
        </dd>
        <dt>Last call</dt>
        <dd>
          {health ? (
            <>
              <Time at={health.checkedAt} as="ago" />, first token after {duration(health.latencyMs)}
            </>
          ) : (
            "none yet"
          )}
        </dd>
        {llm.origin === "virtual" && (
          <>
            <dt>Workstation</dt>
            <dd>
              of {llm.owner ?? "nobody"}, heard <Time at={llm.lastSeenAt} as="ago" />
            </dd>
          </>
        )}
      </dl>
      {health?.lastError && (
        <div class={`note ${health.status === "failing" ? "bad" : ""}`}>
          <strong>
            Last failure, <Time at={health.lastError.at} as="ago" />
          </strong>
          <span>{health.lastError.message}</span>
        </div>
      )}
      {answer && (
        <div class="note good">
          <strong>It answers, after {duration(answer.milliseconds)}</strong>
          <span>{answer.text}</span>
        </div>
      )}
      {action.error && <Failure error={action.error} />}
      <div class="row">
        <button type="button" class="button primary" disabled={action.isBusy} onClick={tryIt}>
          {action.isBusy ? "Calling…" : status === "hibernating" ? "Wake and try" : "Try"}
        </button>
        <button type="button" class="button" onClick={() => goTo(placeOf(["playground"], { model: name }))}>
          Open in the playground
        </button>
        <button type="button" class="button" onClick={() => goTo(placeOf(["calls"], { text: name }))}>
          Its calls
        </button>
        <ObjectButtons
          kind="llm"
          plural="llms"
          object={llm}
          question={
            llm.origin === "virtual"
              ? "Its agent publishes it again when it next connects."
              : `Delete ${name}?`
          }
          onGone={onClose}
          withForm={llm.origin !== "virtual"}
        />
      </div>
      <Command text={commandOf("test", "llm", name)} />
    </Dialog>
  );
}
