import { useLoaded } from "../../api/lists.ts";
import { Command } from "../../objects/source.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { count, dollars, duration } from "../../ui/format.ts";
import { Empty, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownEvent } from "../overview/figures.ts";
import { targetOf } from "./target.ts";

interface StoryEvent extends ShownEvent {
  rules?: { rule: string; subject?: string; grant: string; changedSince?: boolean }[];
}

interface Attempt {
  llm: string;
  status?: number;
  error?: string;
  durationMs: number;
  cause?: string;
  host?: string;
  said?: string;
}

/** The story of one request: its caller, the rule that allowed it, its times, and the attempts. */
export function Story({ requestId, onClose }: { requestId: string; onClose: () => void }) {
  const events = useLoaded<StoryEvent[]>(`/api/v1/audit?request=${encodeURIComponent(requestId)}`, 0);
  return (
    <Dialog title={`Request ${requestId}`} onClose={onClose}>
      <Show of={events}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="There is no such request">
              <span>It may have ended a moment ago, or its events were deleted.</span>
            </Empty>
          ) : (
            all.toReversed().map((event) => <EventStory key={`${event.at} ${event.action}`} event={event} />)
          )
        }
      </Show>
      <Command text={commandOf("audit", "--request", requestId)} />
    </Dialog>
  );
}

function EventStory({ event }: { event: StoryEvent }) {
  const {
    at,
    action,
    user,
    token,
    status,
    error,
    model,
    type,
    dialect,
    streaming,
    durationMs,
    ttftMs,
    rules,
    detail,
  } = event;
  const attempts = ((Array.isArray(detail?.["attempts"]) ? detail["attempts"] : []) as Attempt[]).map(
    (attempt, i) => ({ ...attempt, key: `${i}` }),
  );
  const phases = detail?.["phases"] as { before?: number; head?: number; body?: number } | undefined;
  const said = detail?.["said"];
  return (
    <section class="stack">
      <div class={`note ${status >= 400 ? "bad" : "good"}`}>
        <strong>
          {status} {error ?? "succeeded"}
        </strong>
        {typeof said === "string" && <span>The provider said: {said}</span>}
      </div>
      <dl class="facts">
        <dt>When</dt>
        <dd>
          <Time at={at} />
        </dd>
        <dt>Who</dt>
        <dd>
          {user ?? "nobody"}
          {token && `, with the token ${token}`}
        </dd>
        <dt>What</dt>
        <dd>
          {action === "llm_inference_call" ? "Call of a model" : action.replaceAll("_", " ")}:{" "}
          {targetOf(event)}
        </dd>
        {model && (
          <>
            <dt>Model</dt>
            <dd>
              {model} at {type}, {[dialect, streaming && "streaming"].filter(Boolean).join(", ")}
            </dd>
          </>
        )}
        {rules && (
          <>
            <dt>Allowed by</dt>
            <dd>
              {rules.map(({ rule, grant, subject, changedSince }) => (
                <div key={`${rule} ${grant} ${subject}`}>
                  {rule}: {grant}
                  {subject && ` for ${subject}`}
                  {changedSince && <span class="quiet"> (changed since)</span>}
                </div>
              ))}
            </dd>
          </>
        )}
        {durationMs !== undefined && (
          <>
            <dt>Time</dt>
            <dd>
              {duration(durationMs)}
              {ttftMs !== undefined && `, first token after ${duration(ttftMs)}`}
            </dd>
          </>
        )}
        {event.promptTokens !== undefined && (
          <>
            <dt>Tokens</dt>
            <dd>
              {count(event.promptTokens)} in, {count(event.completionTokens ?? 0)} out
              {event.cachedTokens ? `, ${count(event.cachedTokens)} of them cached` : ""}
            </dd>
            <dt>Cost</dt>
            <dd>{event.cost === undefined ? "no price is known" : dollars(event.cost)}</dd>
          </>
        )}
      </dl>
      {phases && <Phases phases={phases} />}
      {attempts.length > 0 && (
        <ol class="attempts">
          {attempts.map((attempt) => (
            <li key={attempt.key}>
              <strong>{attempt.llm}</strong>:{" "}
              {[attempt.status, attempt.error].filter(Boolean).join(" ") || "answered"} after{" "}
              {duration(attempt.durationMs)}
              <div class="quiet small">
                {[attempt.cause, attempt.host, attempt.said].filter(Boolean).join(" · ")}
              </div>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** The times of a request, as a bar and in words. */
function Phases({
  phases: { before = 0, head = 0, body = 0 },
}: {
  phases: { before?: number; head?: number; body?: number };
}) {
  const parts = [
    ["before its turn", before, "warn"],
    ["until the provider answered", head, "accent"],
    ["answering", body, "good"],
  ] as const;
  return (
    <figure>
      <div class="phases" aria-hidden="true">
        {parts.map(([text, size, colour]) => (
          <i key={text} class={`key-${colour}`} style={{ flexGrow: String(size) }} />
        ))}
      </div>
      <figcaption class="key">
        {parts.map(([text, size, colour]) => (
          <span key={text}>
            <i class={`key-${colour}`} />
            {duration(size)} {text}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
