import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

/** One row of values over time. */
export interface ChartSeries {
  label: string;
  /** The name of a colour of the page: `accent`. */
  colour: "accent" | "bad" | "good" | "warn";
  values: readonly number[];
  text(value: number): string;
  /** The text of a value on the axis; `text` if not given. */
  axisText?(value: number): string;
}

/** Bars over time. What it shows is also in a sentence, for those who do not see it. */
export function Chart({
  times,
  series,
  title,
}: {
  /** The beginnings of the steps, in seconds since 1970. */
  times: readonly number[];
  series: readonly ChartSeries[];
  title: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current!;
    let plot: uPlot | undefined;
    const draw = () => {
      plot?.destroy();
      plot = new uPlot(
        optionsOf(element, series),
        [times, ...series.map(({ values }) => values)] as uPlot.AlignedData,
        element,
      );
    };
    draw();
    const resized = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width !== plot?.width || height !== plot.height) plot?.setSize({ width, height });
    });
    resized.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      scheme.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [times, series]);
  const sum = ({ values, text, label }: ChartSeries) =>
    `${label}: ${text(values.reduce((a, b) => a + b, 0))}`;
  return (
    <figure>
      <div class="chart" ref={place} role="img" aria-label={`${title}. ${series.map(sum).join(", ")}.`} />
      <figcaption class="key">
        {series.map(({ label, colour }) => (
          <span key={label}>
            <i class={`key-${colour}`} />
            {label}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function optionsOf(element: HTMLElement, series: readonly ChartSeries[]): uPlot.Options {
  const style = getComputedStyle(element);
  const probe = document.createElement("i");
  element.append(probe);
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const axis = { stroke: colour("quiet"), font: `12px ${style.fontFamily}`, ticks: { show: false } };
  const grid = { stroke: colour("line"), width: 1 };
  const drawn = series.map(({ label, colour: name, text }) => ({
    label,
    stroke: colour(name),
    fill: colour(name),
    width: 0,
    points: { show: false },
    paths: uPlot.paths.bars!({ size: [0.75, 40], radius: 0.15 }),
    value: (_: uPlot, value: number | null) => (value === null ? "" : text(value)),
  }));
  probe.remove();
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true, range: (_, from, to) => [from - stepOf(from, to), to + stepOf(from, to)] },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_, splits, __, ___, step) => splits.map((at) => timeText(at, step)),
      },
      {
        ...axis,
        grid,
        size: 56,
        values: (_, splits) => splits.map((value) => (series[0]!.axisText ?? series[0]!.text)(value)),
      },
    ],
    series: [{}, ...drawn],
  };
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });

/** @param step seconds between two marks of the axis */
function timeText(at: number, step: number): string {
  return (step < 86_400 ? clock : day).format(at * 1000);
}

/** Space for half of the first and of the last bar. */
function stepOf(from: number, to: number): number {
  return Math.max((to - from) / 50, 30);
}
