import { useMemo, useState } from "preact/hooks";
import { useLoaded } from "../../api/lists.ts";
import { Chart } from "../../ui/chart.tsx";
import { count, dollars, duration, exactDollars } from "../../ui/format.ts";
import { Show } from "../../ui/states.tsx";
import {
  type Figures,
  figuresOf,
  figuresOfDays,
  medianDuration,
  type OverviewSpan,
  type ShownEvent,
  spans,
  sumOf,
  type UsageLine,
} from "./figures.ts";
import { ServerState } from "./server-state.tsx";
import { useEvents } from "./use-events.ts";

/** The screen of calls, costs and failures. */
export function Overview() {
  const [span, setSpan] = useState<OverviewSpan>("hour");
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <fieldset class="tabs" aria-label="Time">
          {(Object.keys(spans) as OverviewSpan[]).map((name) => (
            <button key={name} type="button" aria-pressed={span === name} onClick={() => setSpan(name)}>
              {spans[name].label}
            </button>
          ))}
        </fieldset>
      </div>
      <div class="stack">
        {span === "week" ? <Week /> : <Recent key={span} span={span} />}
        <ServerState />
      </div>
    </>
  );
}

/** The last hour or day, from the audit log. Without the right to it, the caller's own use of today and yesterday. */
function Recent({ span }: { span: "hour" | "day" }) {
  const since = useMemo(() => new Date(Date.now() - spans[span].milliseconds).toISOString(), [span]);
  const loaded = useEvents({ action: "llm_inference_call", since }, 10_000);
  if (loaded.error?.code === "forbidden")
    return (
      <>
        <p class="quiet small">
          These are your own calls, by day. What everybody does, by the minute, is for those who may view the
          audit log.
        </p>
        <Week />
      </>
    );
  return (
    <Show of={loaded} lines={8}>
      {({ events, isCut }) => <Drawn events={events} isCut={isCut} span={span} />}
    </Show>
  );
}

function Drawn({
  events,
  isCut,
  span,
}: {
  events: readonly ShownEvent[];
  isCut: boolean;
  span: OverviewSpan;
}) {
  const figures = useMemo(() => figuresOf(events, span, Date.now()), [events, span]);
  return (
    <FigurePanel
      figures={figures}
      median={medianDuration(events)}
      isCut={isCut}
      title={
        isCut ? `The newest ${count(events.length)} calls of the last ${span}` : `Calls of the last ${span}`
      }
    />
  );
}

/** The last seven days, from the daily usage: of everybody for those who may see the audit log, else one's own. */
function Week() {
  const since = new Date(Date.now() - 6 * 86_400_000).toISOString().slice(0, 10);
  const loaded = useLoaded<UsageLine[]>(`/api/v1/usage?by=day&since=${since}`);
  const { value } = loaded;
  const figures = useMemo(() => value && figuresOfDays(value, Date.now()), [value]);
  return (
    <Show of={loaded} lines={8}>
      {() => <FigurePanel figures={figures!} title="Calls of the last seven days, in UTC" />}
    </Show>
  );
}

function FigurePanel({
  figures,
  median,
  isCut = false,
  title,
}: {
  figures: Figures;
  median?: number | undefined;
  /** True if there were more calls than these. */
  isCut?: boolean;
  title: string;
}) {
  const { times, calls, errors, tokens, cost } = figures;
  const all = sumOf(calls);
  const failed = sumOf(errors);
  const callSeries = useMemo(
    () => [
      { label: "Calls", colour: "accent" as const, values: calls, text: count },
      { label: "Errors", colour: "bad" as const, values: errors, text: count },
    ],
    [calls, errors],
  );
  const costSeries = useMemo(
    () =>
      sumOf(cost) > 0
        ? [{ label: "Cost", colour: "good" as const, values: cost, text: dollars, axisText: exactDollars }]
        : [{ label: "Tokens", colour: "good" as const, values: tokens, text: count }],
    [tokens, cost],
  );
  return (
    <>
      <dl class="tiles">
        <Tile
          label="Calls"
          value={`${count(all)}${isCut ? "+" : ""}`}
          more={median === undefined ? undefined : `median ${duration(median)}`}
        />
        <Tile label="Tokens" value={count(sumOf(tokens))} />
        <Tile label="Cost" value={dollars(sumOf(cost))} />
        <Tile
          label="Errors"
          value={count(failed)}
          more={all === 0 ? undefined : `${((failed / all) * 100).toFixed(1)} %`}
          isBad={failed > 0}
        />
      </dl>
      <div class="columns">
        <section class="panel">
          <header>
            <h2>{title}</h2>
          </header>
          <div class="body">
            <Chart times={times} series={callSeries} title={title} />
          </div>
        </section>
        <section class="panel">
          <header>
            <h2>{costSeries[0]!.label}</h2>
          </header>
          <div class="body">
            <Chart times={times} series={costSeries} title={costSeries[0]!.label} />
          </div>
        </section>
      </div>
    </>
  );
}

function Tile({
  label,
  value,
  more,
  isBad,
}: {
  label: string;
  value: string;
  more?: string | undefined;
  isBad?: boolean;
}) {
  return (
    <div class="panel tile">
      <dt class="quiet small">{label}</dt>
      <dd>
        <b>{value}</b>
        {more && <span class={`badge ${isBad ? "bad" : ""}`}>{more}</span>}
      </dd>
    </div>
  );
}
