import { useMemo, useState } from "preact/hooks";
import { Command } from "../../objects/source.tsx";
import { goTo, placeOf, route } from "../../route.ts";
import { Search } from "../../ui/fields.tsx";
import { count, dollars, duration } from "../../ui/format.ts";
import { Empty, Show } from "../../ui/states.tsx";
import { Time } from "../../ui/time.tsx";
import { VirtualList } from "../../ui/virtual-list.tsx";
import { commandOf } from "../../ui/yaml.ts";
import type { ShownEvent } from "../overview/figures.ts";
import { useEvents } from "../overview/use-events.ts";
import { Story } from "./story.tsx";
import { targetOf } from "./target.ts";

/** The most events that the page reads and keeps. */
const most = 10_000;
const none = {};

/** The audit log as a list that follows; one call opens to its story. */
export function Calls() {
  const loaded = useEvents(none, most);
  const { path, query } = route.value;
  const [onlyCalls, setOnlyCalls] = useState(true);
  const text = query.get("text") ?? "";
  const opened = path[1];
  const events = loaded.value?.events;
  const shown = useMemo(
    () => (events ?? []).filter((event) => (!onlyCalls || isCall(event)) && matches(event, text)),
    [events, onlyCalls, text],
  );
  const find = (words: string) =>
    goTo(placeOf(opened === undefined ? ["calls"] : ["calls", opened], { text: words }), true);
  return (
    <>
      <div class="head">
        <h1>Calls</h1>
        <div class="row">
          <Search label="Find user, model, status, error, id" value={text} onValue={find} />
          <label class="check">
            <input
              type="checkbox"
              checked={onlyCalls}
              onChange={(event) => setOnlyCalls(event.currentTarget.checked)}
            />
            Only calls
          </label>
        </div>
      </div>
      <div class="stack">
        <p class="quiet small">
          What was said is not kept: the log has who called what, when, how long it took and what it cost.
        </p>
        <section class="panel" aria-label="Events">
          <Show of={loaded} lines={12}>
            {({ isCut, isReading }) =>
              shown.length === 0 ? (
                <Empty title={text === "" ? "No call yet" : "Nothing matches"}>
                  <span>
                    {text === ""
                      ? "Calls are listed here as they end."
                      : `No event of the newest ${count(most)} has “${text}”.`}
                  </span>
                </Empty>
              ) : (
                <>
                  <EventHead total={shown.length} isCut={isCut} isReading={isReading} />
                  <VirtualList items={shown} rowHeight={2.5} label="Events, the newest first" keyOf={keyOf}>
                    {(event, tabIndex) => <EventRow event={event} tabIndex={tabIndex} />}
                  </VirtualList>
                </>
              )
            }
          </Show>
        </section>
        <Command text={commandOf("audit", "-w")} />
      </div>
      {opened !== undefined && (
        <Story key={opened} requestId={opened} onClose={() => goTo(placeOf(["calls"], { text }))} />
      )}
    </>
  );
}

function isCall({ action }: ShownEvent): boolean {
  return action === "llm_inference_call" || action === "mcp_call";
}

/** All words must stand somewhere in an event. `5xx` is any status of that class. */
function matches(event: ShownEvent, text: string): boolean {
  if (text === "") return true;
  const { user, token, llm, poolMember, model, action, error, requestId, status, detail } = event;
  const all = [
    user,
    token,
    llm,
    poolMember,
    model,
    action,
    error,
    requestId,
    detail?.["agent"],
    detail?.["name"],
    detail?.["server"],
    detail?.["tool"],
    detail?.["said"],
  ]
    .join(" ")
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word) || String(status).startsWith(word.replace(/xx$/, "")));
}

function keyOf({ requestId, at, action }: ShownEvent): string {
  return `${requestId} ${at} ${action}`;
}

function EventHead({ total, isCut, isReading }: { total: number; isCut: boolean; isReading: boolean }) {
  return (
    <header>
      <h2>{`${count(total)} events`}</h2>
      <span class="quiet small event-note">
        {isReading
          ? "reading older ones…"
          : isCut
            ? "the newest; older ones by the command line"
            : "follows new ones"}
      </span>
    </header>
  );
}

function EventRow({ event, tabIndex }: { event: ShownEvent; tabIndex: 0 | -1 }) {
  const {
    at,
    user,
    token,
    action,
    status,
    durationMs,
    promptTokens,
    completionTokens,
    cost,
    error,
    requestId,
  } = event;
  const isBad = status >= 400;
  return (
    <a
      class="event"
      tabIndex={tabIndex}
      href={placeOf(["calls", requestId], { text: route.value.query.get("text") ?? "" })}
    >
      <span class="at">
        <Time at={at} as="clock" />
      </span>
      <span class={`badge ${isBad ? "bad" : "good"}`}>{status}</span>
      <span class="who-called">
        {user ?? "–"}
        {token && <span class="quiet"> · {token}</span>}
      </span>
      <span class="target">{targetOf(event) || action}</span>
      <span class="number wide">{duration(durationMs)}</span>
      <span class="number wide">
        {promptTokens === undefined ? "" : `${promptTokens} + ${completionTokens ?? 0}`}
      </span>
      <span class="number wide">{cost === undefined ? "" : dollars(cost)}</span>
      <span class="error quiet">{error ?? ""}</span>
    </a>
  );
}
