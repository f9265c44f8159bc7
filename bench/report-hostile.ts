import { type HostileSoakResult, returnedWithin } from "./soak-hostile.ts";
import { megabytes, table } from "./table.ts";

/** Targets beside the flood, without the time for which a process waited for a processor. Milliseconds. */
const targets = { honestP99: 100, loopDelay: 50 };

/** Returns the lines of the report, with a verdict as the last one. */
export function reportHostile(result: HostileSoakResult): { lines: string[]; isKept: boolean } {
  const { attacks, wrong, honest, delay, slowness, waited, resident, commandLine } = result;
  const rows = Object.entries(attacks).map(([attack, endings]) => ({ attack, endings }));
  const milliseconds = (value: number) => `${value.toFixed(1)} ms`;
  const calls = (["before", "beside"] as const).map((when) => {
    const { p50, p99 } = honest[when];
    const late = delay[when];
    return `${when} the flood: honest calls p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}; event loop late by p99 ${milliseconds(late.p99)}, at most ${milliseconds(late.max)}, of which the server itself used ${milliseconds(late.own)}; it waited for a processor for ${(100 * waited[when]).toFixed(0)} % of the time`;
  });
  const sizes = [resident.before, resident.most, resident.after, commandLine].map((bytes) =>
    megabytes(bytes).toFixed(0),
  );
  const broken = brokenPromises(result);
  return {
    lines: [
      table(rows, {
        attack: ({ attack }) => attack,
        endings: ({ endings }) =>
          Object.entries(endings)
            .map(([ending, count]) => `${count} x ${ending}`)
            .join(", "),
      }),
      ...wrong.slice(0, 20).map((what) => `wrong: ${what}`),
      ...calls,
      `the machine is ${slowness.toFixed(1)} times as slow as a quiet one: the longest turn of the server would be ${milliseconds(delay.beside.own / slowness)} there`,
      `resident server: ${sizes[0]} MB, ${sizes[1]} MB at most, then ${sizes[2]} MB; command line ${sizes[3]} MB at most`,
      broken.length === 0 ? "verdict: kept" : `verdict: ${broken.join("; ")}`,
    ],
    isKept: broken.length === 0,
  };
}

function brokenPromises({ wrong, honest, delay, slowness, resident }: HostileSoakResult): string[] {
  const broken: string[] = [];
  if (wrong.length > 0) broken.push(`${wrong.length} attacks ended as none may`);
  if (honest.failed.length > 0) broken.push(`${honest.failed.length} honest calls were not answered`);
  if (!(honest.beside.p99 < targets.honestP99))
    broken.push(`p99 of honest calls is not below ${targets.honestP99} ms`);
  if (!(delay.beside.own / slowness <= targets.loopDelay))
    broken.push(`the server held its event loop for more than ${targets.loopDelay} ms of a quiet machine`);
  if (resident.after > resident.before + returnedWithin) broken.push("memory has not returned");
  return broken;
}
