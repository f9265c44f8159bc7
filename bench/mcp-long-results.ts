/** The tool of the bench's MCP server whose result is long. */
export const longTool = "long";

/** Bytes of its result, about. */
const longBytes = 5 * 1024 * 1024;

/** Returns rows of a table as JSON, of about 5 MB. */
export function longText(): string {
  const note = "came by recommendation, wants to be called in the mornings, pays late";
  const row = (id: number) => ({ id, name: `customer ${id}`, city: "Berlin", note, active: id % 3 > 0 });
  const size = JSON.stringify(row(10_000)).length + 1;
  return JSON.stringify(Array.from({ length: Math.floor(longBytes / size) }, (_, id) => row(id)));
}

/** Calls of a tool with a result of 5 MB. Milliseconds until the client has the answer, and the bytes of the answer. */
export interface LongResultFigures {
  whole: { p50: number; bytes: number };
  /** The first page. */
  page: { p50: number; most: number; bytes: number };
}

const calls = 20;

/** Makes calls one after the other, through a project that passes results on whole and one that cuts them. */
export async function measureLongResults(
  callWhole: () => Promise<Response>,
  callForPage: () => Promise<Response>,
): Promise<LongResultFigures> {
  const whole = await timed(callWhole);
  const page = await timed(callForPage);
  if (whole.bytes < longBytes * 0.9 || page.bytes > longBytes / 10)
    throw new Error(`a long result is ${whole.bytes} bytes whole, and ${page.bytes} with its first page`);
  return { whole: { p50: whole.p50, bytes: whole.bytes }, page };
}

async function timed(call: () => Promise<Response>): Promise<{ p50: number; most: number; bytes: number }> {
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    bytes = (await (await call()).arrayBuffer()).byteLength;
    // The first ones start the program and warm the code up.
    if (i >= calls / 4) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(times.length / 2)]!, most: times.at(-1)!, bytes };
}
